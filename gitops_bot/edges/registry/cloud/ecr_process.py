"""Started by `ecr`: a question as JSON on standard input, a login or a reason as JSON on standard output.

It imports nothing of ours, so that it starts fast.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

#: Bytes of memory that an endless answer may take; boto3 alone needs 50 MiB.
_MEMORY = 256 * 1024 * 1024
_WORDS = 1000


def main() -> None:
    """Answer the one question."""
    with suppress(ImportError, ValueError, OSError):  # not every system has such a limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    try:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ImportError:
        return {"missing": True}
    try:
        return _login(**question)
    except ImportError:
        return {"missing": True}
    except NoCredentialsError:
        return {"absent": True}
    except (BotoCoreError, ClientError) as error:
        return {"failed": str(error)[:_WORDS]}
    except Exception as error:  # noqa: BLE001 - of parsers, or no memory; the words may hold what could not be read
        return {"failed": f"the answer cannot be read ({type(error).__name__})"}


def _login(region: str, role: str | None, *, public: bool, fips: bool) -> dict[str, Any]:
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=5, read_timeout=10, retries=retries, use_fips_endpoint=fips or None)
    # The workload may run elsewhere than the registry, and have a way to the STS of its own region only.
    home = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or region
    session = boto3.Session(region_name=home)
    credentials = session.get_credentials()
    source = str(credentials.method) if credentials else ""
    if role is not None:
        sts = session.client("sts", config=config)
        assumed = sts.assume_role(RoleArn=role, RoleSessionName="gitops-bot")["Credentials"]
        session = boto3.Session(
            assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"], region_name=home
        )
        source = f"{source}, as {role}"
    answer = session.client(
        "ecr-public" if public else "ecr", region_name=region, config=config
    ).get_authorization_token()
    data = answer["authorizationData"] if public else answer["authorizationData"][0]
    password = base64.b64decode(data["authorizationToken"], validate=True).decode("ascii").removeprefix("AWS:")
    seconds = (data["expiresAt"] - datetime.now(UTC)).total_seconds()
    return {"password": password, "seconds": seconds, "source": source}


if __name__ == "__main__":
    main()
