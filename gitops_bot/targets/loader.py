"""ruamel.yaml's pure reader, scanner, parser and composer in one object, for many small files.

`YAML(pure=True).compose` gives the same nodes at many times the cost: it looks for plug-ins on disk, makes the rules of
its resolver, and goes from character to character. What is replaced here does the same in longer steps, and leaves to
it whatever is out of the ordinary; only tabs are treated otherwise.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml.composer import Composer
from ruamel.yaml.docinfo import DocInfo
from ruamel.yaml.error import FileMark, MarkedYAMLError
from ruamel.yaml.events import ScalarEvent
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.resolver import VersionedResolver, implicit_resolvers
from ruamel.yaml.scanner import Scanner, ScannerError
from ruamel.yaml.tokens import BlockMappingStartToken, KeyToken, ScalarToken, ValueToken

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

_END = r"\n\0\r\x85\u2028\u2029"
#: What ends the words of a plain scalar on a line, outside of braces: a comment, a tab, a colon in front of a blank, or
#: the line. It is looked for, because words that are matched are remembered, 120 bytes for each.
_STOP: Final = re.compile(rf"[\t{_END}]|:[ \t{_END}]|(?<! ) ++(?:[#\t{_END}]|:[ \t{_END}])")
#: What may stand in front of a token on its line.
_SPACES: Final = re.compile(rf" *(?:#[^{_END}]*)?")
_BLANKS: Final = re.compile(rf"[ \t]*(?:#[^{_END}]*)?")
#: What starts a plain scalar wherever a scalar may start.
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "_/")
#: A key that one look tells: no other rule than that of plain scalars can apply to any part of it.
_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}(?=:[ \n])")
#: The end of a line, and how far the next one is indented, unless that is a blank line, a comment, or the beginning
#: of a document's mark.
_NEXT: Final = re.compile(rf"\n( *)(?:[^ \t#.{_END}-]|-[^-])")
_BYTE_ORDER_MARK: Final = "\ufeff"
#: Half a character of UTF-16, which an escape may name.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: What ruamel.yaml's pure parser lets escape on malformed input beside its own errors.
_ESCAPES: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def _rules(version: tuple[int, int]) -> dict[Any, list[tuple[Any, Any]]]:
    """The rules of the resolver for a version of YAML, by the first character, as it makes them for each text."""
    resolvers: dict[Any, list[tuple[Any, Any]]] = {}
    for versions, tag, pattern, first in implicit_resolvers:
        for char in first if version in versions else ():
            resolvers.setdefault(char, []).append((tag, pattern))
    return resolvers


RULES: Final = {version: _rules(version) for version in ((1, 1), (1, 2))}


class TooManyTokensError(MarkedYAMLError):
    """The text has more tokens than may be read; `problem_mark` is where the first one too many starts."""


def compose(text: str, depth: int, tokens: int, *, several: bool = False) -> list[Node]:
    """The root nodes of the one document, if there is one, or of `several`; `depth` is how deep they may be nested.

    Each of the `tokens` that are read at most costs some 15 microseconds and 200 bytes, whatever it is.

    Raises:
        TooManyTokensError: it has more than `tokens`, of which no further one was read.
        YAMLError: it is malformed, or has several documents where one is expected.
    """
    loader = _Loader(text, depth, tokens)
    roots: list[Node] = []
    try:
        if not several:
            roots += filter(None, [loader.get_single_node()])
        while several and loader.check_node():
            roots.append(loader.get_node())
    except _ESCAPES as error:
        raise ScannerError(problem="the text is malformed", problem_mark=loader.get_mark()) from error
    finally:
        loader.__dict__.clear()  # it refers to itself, and would wait for the collector of such garbage
    return roots


class _Loader(Reader, Scanner, Parser, Composer, VersionedResolver):
    """All parts in one, as in ruamel.yaml's own `SafeLoader`, but for the constructor."""

    #: By these names the parts know each other.
    reader = scanner = parser = resolver = None
    #: Comments are those of the safe loader: hardly any. The round-trip loader hangs them on the nodes, but loses some
    #: of those inside braces and gives up on others; `proof` finds them between the nodes, where none is lost.
    comment_handling = None

    def __init__(self, text: str, depth: int, tokens: int) -> None:
        self.reader = self.scanner = self.parser = self.resolver = self._scanner = self
        self.max_depth = depth
        self._most_tokens = tokens
        self.doc_infos = [DocInfo()]  # where the scanner notes a version that the text gives
        Reader.__init__(self, text, loader=self)
        Scanner.__init__(self, loader=self)
        Parser.__init__(self, loader=self)
        Composer.__init__(self, loader=self)
        VersionedResolver.__init__(self, loader=self)
        self._version_implicit_resolver = RULES
        self.warn_double_anchors = False  # an anchor may be given anew; kustomize takes that too

    def get_mark(self) -> FileMark:
        # One without the text, which nobody quotes. The nodes of thousands of files have two each.
        return FileMark(None, self.index, self.line, self.column)

    def forward(self, length: int = 1) -> None:
        passed = self.buffer[self.pointer : self.pointer + length]
        if passed.isascii() and passed.isprintable():  # line breaks, the byte order mark, and the end are not
            self.pointer += length
            self.index += length
            self.column += length
        else:
            super().forward(length)

    def check_token(self, *choices: Any) -> bool:
        # Without a possible key, the first token is what it is, whatever follows.
        while (self.possible_simple_keys or not self.tokens) and self.need_more_tokens():
            self.fetch_more_tokens()
        return bool(self.tokens) and (not choices or isinstance(self.tokens[0], choices))

    def get_token(self) -> Any:
        if self.possible_simple_keys or not self.tokens:
            return super().get_token()
        self.tokens_taken += 1
        return self.tokens.pop(0)

    def fetch_more_tokens(self) -> None:
        self.scan_to_next_token()
        if self.tokens_taken + len(self.tokens) >= self._most_tokens:
            raise TooManyTokensError(problem="too many tokens", problem_mark=self.get_mark())
        first = self.buffer[self.pointer]
        if first not in _PLAIN:
            super().fetch_more_tokens()
            return
        if self.possible_simple_keys:
            self.stale_possible_simple_keys()
        if self.indent > self.column:
            self.unwind_indent(self.column)
        if self.flow_context or not self.allow_simple_key or not self._fetch_key():
            self.fetch_plain()

    def _fetch_key(self) -> bool:
        """A key with its colon, if it is an ordinary one: its tokens at once, and not as a scalar that may be a key."""
        match = _KEY.match(self.buffer, self.pointer)
        if match is None:
            return False
        if self.possible_simple_keys:
            self.remove_possible_simple_key()
        start = self.get_mark()
        self.forward(len(match.group()))
        end = self.get_mark()
        self.forward()
        if self.add_indent(start.column):
            self.tokens.append(BlockMappingStartToken(start, start))
        self.tokens.append(KeyToken(start, start))
        self.tokens.append(ScalarToken(match.group(), True, start, end))
        self.tokens.append(ValueToken(end, self.get_mark()))
        self.allow_simple_key = False
        return True

    def scan_to_next_token(self) -> None:
        """As in ruamel.yaml, but for the tabs that YAML and kustomize take.

        Wherever no key can start, blanks do not indent anything: behind a colon or a value, and inside a plain scalar.
        """
        if self.index == 0 and self.peek() == _BYTE_ORDER_MARK:
            self.forward()
        while (first := self.buffer[self.pointer]) not in _PLAIN:
            if first in " #\t":
                blanks = _BLANKS if self.flow_context or not self.allow_simple_key else _SPACES
                if match := blanks.match(self.buffer, self.pointer):
                    self.forward(len(match.group()))
            if not self.scan_line_break():
                return
            if not self.flow_context:
                self.allow_simple_key = True

    def scan_plain(self) -> Any:
        if self.flow_context:
            return super().scan_plain()
        start = end = self.get_mark()
        parts: list[str] = []
        blanks: list[str] | None = []
        while self.peek() != "#" and (stop := _STOP.search(self.buffer, self.pointer)) and stop.start() > self.pointer:
            self.allow_simple_key = False
            parts += (*(blanks or ()), self.buffer[self.pointer : stop.start()])
            self.forward(stop.start() - self.pointer)
            end = self.get_mark()
            blanks = self.scan_plain_spaces(self.indent + 1, start)
            if not blanks or self.peek() == "#" or self.column <= self.indent:
                break
        return ScalarToken("".join(parts), True, start, end)

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> Any:
        if match := _NEXT.match(self.buffer, self.pointer):
            self.scan_line_break()
            self.forward(len(match.group(1)))
            self.allow_simple_key = True
            return [" "]
        length = 0
        while self.peek(length) in " \t":
            length += 1
        blanks = self.prefix(length)
        if "\t" not in blanks:
            return super().scan_plain_spaces(indent, start_mark)
        self.forward(length)
        return super().scan_plain_spaces(indent, start_mark) if self.peek() in "#\r\n\0" else [blanks]

    def scan_flow_scalar(self, style: Any) -> Any:
        token = super().scan_flow_scalar(style)
        if _SURROGATE.search(token.value):  # as the parser of kustomize
            raise ScannerError(problem="found an escape of half a character", problem_mark=token.start_mark)
        return token

    @property
    def versioned_resolver(self) -> Any:
        # The same, without asking three objects for the version, twice for each scalar.
        version = self.yaml_version
        return RULES[version if version is not None else (1, 2)]

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if type(event) is not ScalarEvent or event.anchor or event.ctag or self.depth >= self.max_depth:
            return super().compose_node(parent, index)
        self.get_event()
        tag = self.resolve(ScalarNode, event.value, event.implicit)
        return ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)

    def process_directives(self) -> Any:
        version, tags = super().process_directives()
        if version is not None and version not in RULES:
            # What `YAML.version` raises, where ruamel.yaml's own entrance would keep it.
            raise AssertionError(f"{version} is not a version of YAML")
        return version, tags

    def parse_node(self, block: bool = False, indentless_sequence: bool = False) -> Any:
        if not self.check_token(ScalarToken):
            return super().parse_node(block, indentless_sequence)
        token = self.get_token()
        self.state = self.states.pop()
        how = (token.plain, not token.plain)
        return ScalarEvent(None, None, how, token.value, token.start_mark, token.end_mark, style=token.style)
