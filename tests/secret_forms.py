"""Every form in which a secret is known to be written, by what it is. All are made up."""

from __future__ import annotations

import base64
import json

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7nR\nq9vUO2bX/Tq1+Lk8wYJ=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJlLW9mLWl0"
_AMAZON = base64.b64encode(b'{"payload":"bm90IGEgcGF5bG9hZCBhdCBhbGw=","version":"2","type":"DATA_KEY"}').decode()
_DOCKER = base64.b64encode(b"ada:correct horse").decode()

#: Form -> a text that holds it, and the parts of which none may be shown.
FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "classic token of GitHub": ("ghp_0123456789abcdefABCDEF0123456789abcd", ("0123456789abcdef",)),
    "token of a workflow": ("bad token ghs_0123456789abcdefABCDEF0123456789abcd.", ("0123456789abcdef",)),
    "token of an App, with a JWT in it": (f"ghs_123456_0123456789{JWT}", ("c2lnbmF0dXJl", "eyJhbGci")),
    "token of a user of an App": ("ghu_0123456789abcdefABCDEF0123456789abcd", ("0123456789abcdef",)),
    "token of an OAuth app": ("=gho_0123456789abcdefABCDEF0123456789abcd", ("0123456789abcdef",)),
    "token to refresh": ("ghr_0123456789abcdefABCDEF0123456789abcd", ("0123456789abcdef",)),
    "fine-grained token of GitHub": ("(github_pat_11ABCDEFG0abcdefghij_0123456789)", ("abcdefghij", "0123456789")),
    "token of GitLab": ("glpat-abcdefghij0123456789", ("abcdefghij",)),
    "token of Docker Hub": ("dckr_pat_abcdefghij0123456789-_a", ("abcdefghij",)),
    "token of Google": ("ya29.a0AbCdEfGhIjKlMnOpQrStUv", ("AbCdEfGhIj",)),
    "JWT": (f"the token {JWT} has expired", ("eyJhbGci", "eyJzdWIi", "c2lnbmF0dXJl")),
    "password of Amazon's registry": (f"docker login -p {_AMAZON}", (_AMAZON[:40], _AMAZON[-20:])),
    "login in an address": ("fetch https://olga:hunter2@host.invalid/acme/web.git failed", ("olga", "hunter2")),
    "token as a user in an address": ("https://0123456789abcdef@host.invalid/x", ("0123456789abcdef",)),
    "login with an at sign": ("http://ada:hun@ter2@host.invalid:8080", ("hun", "ter2")),
    "login in an address of ssh": ("ssh://git:hunter2@host.invalid/x", ("hunter2",)),
    "signed address": (
        "https://blobs.invalid/x?X-Amz-Credential=AKIA0123%2F2026&X-Amz-Signature=0123abcd4567&x=1",
        ("0123abcd4567",),
    ),
    "token in a query": ("GET /v2/token?service=x&access_token=opaque-0123 failed", ("opaque-0123",)),
    "header with a bearer": ("> Authorization: Bearer opaque+0123", ("opaque+0123",)),
    "header with a login": ("authorization: basic YWRhOng=", ("YWRhOng",)),
    "header with a token": ('{"Authorization": "token opaque+0123"}', ("opaque+0123",)),
    "header in a structure": ("[(b'authorization', b'Basic YWRhOng=')]", ("YWRhOng",)),
    "bearer alone": ("sent Bearer opaque+0123456789.0123456789", ("opaque", "0123456789")),
    "private key": (f"the key is\n{KEY}\nand that is it", ("MIIEowIBA", "q9vUO2bX")),
    "private key on one line": (KEY.replace("\n", " "), ("MIIEowIBA", "q9vUO2bX")),
    "private key in JSON": ('{"private_key": "' + KEY.replace("\n", "\\n") + '"}', ("MIIEowIBA", "q9vUO2bX")),
    "private key with a password": (
        KEY.replace("\nMII", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,3F17F5316E2BAC89\n\nMII", 1),
        ("MIIEowIBA", "q9vUO2bX"),
    ),
    "private key as git repeats it": (f"remote: {KEY}".replace("\n", "\nremote: "), ("MIIEowIBA", "q9vUO2bX")),
    "private key whose end is cut off": (KEY[:60], ("MIIEowIBA",)),
    "docker's configuration": (f'{{"auths": {{"ghcr.io": {{"auth": "{_DOCKER}"}}}}}}', (_DOCKER,)),
    "docker's configuration in a string": (json.dumps(json.dumps({"auth": _DOCKER})), (_DOCKER,)),
    "docker's configuration as Python shows it": (repr(json.dumps(json.dumps({"auth": _DOCKER}))), (_DOCKER,)),
    "identity token": ("{'identitytoken': 'opaque-0123'}", ("opaque-0123",)),
    "answer of a helper": ('{"Username":"olga","Secret":"correct \\"horse\\" 1"}', ("correct", "horse")),
    "answer of a token server": ('{"token":"opaque-quxz","access_token": "opaque-zyxq"}', ("quxz", "zyxq")),
}
