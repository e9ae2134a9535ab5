"""How the site is built. Everything it needs is on the machine: no network."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
# Evidence names its cheap checks as `benchmarks.<family>:<function>`. Appended, not put first:
# the documented package is the installed one.
sys.path.append(str(HERE.parent))

import sampkit

project = "sampkit"
author = "The sampkit developers"
project_copyright = author
version = release = sampkit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "api_reference",
    "changelog",
    "evidence",
]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
templates_path: list[str] = []
default_role = "code"
nitpicky = False

autosummary_generate = False  # api_reference writes the pages, own members only
autodoc_typehints = "none"  # numpydoc's sections say the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

api_reference_package = "sampkit"

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("sampkit",),
    "reference_url": {"sampkit": None},
    "plot_gallery": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "min_reported_time": 5,
    "remove_config_comments": True,
    "write_computation_times": False,
    "parallel": False,
    "nested_sections": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sampkit"
html_static_path = ["_static"]
html_css_files = ["sampkit.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "evidence": []},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {
    "index": [],
    "install": [],
    "which_sampler": [],
    "evidence": [],
    "changelog": [],
}
# The formulas are typeset in the reader's browser; nothing is fetched while building.
suppress_warnings = ["config.cache"]
