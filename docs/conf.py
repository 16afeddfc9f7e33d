from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mastra_store import __version__
from mastra_store.conformance import RULES, all_checks

project = "mastra_store"
author = "mastra_store contributors"
copyright = "mastra_store contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
maximum_signature_line_length = 100

html_theme = "furo"
html_title = f"mastra_store {release}"
html_copy_source = False


class Rules(SphinxDirective):
    """``{rules} memory``: the rules of a domain, each with what its checks expect."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(_rules(self.arguments[0])))


def _rules(domain: str) -> Iterator[str]:
    checks = all_checks(domain)
    yield from ("| rule | what its checks expect |", "|---|---|")
    for rule in RULES[domain]:
        titles = [check.title.replace("|", "\\|") for check in checks if rule in check.rules]
        yield f"| {rule} | {'<br>'.join(titles)} |"


def setup(app: Sphinx) -> None:
    app.add_directive("rules", Rules)
