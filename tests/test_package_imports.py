"""What `import spacy_bioner` gives, and what it costs."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

import spacy_bioner


def test_every_public_name_is_there():
    for name in spacy_bioner.__all__:
        assert getattr(spacy_bioner, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = spacy_bioner.nothing


def test_importing_the_package_imports_neither_spacy_nor_torch():
    code = "import sys, spacy_bioner; print(sorted({'spacy', 'thinc', 'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    code = "import sys; from spacy_bioner import Document, read; print('spacy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_no_module_needs_what_only_unix_has():
    """Windows has no `resource`, no `fcntl` and no `os.uname`."""
    code = (
        "import os, pkgutil, sys, spacy, torch, transformers, tqdm, lxml.etree, spacy_bioner\n"
        "sys.modules.update(dict.fromkeys(('resource', 'fcntl', 'pwd', 'termios')))\n"
        "del os.uname\n"
        "for module in pkgutil.walk_packages(spacy_bioner.__path__, 'spacy_bioner.'):\n"
        "    if '.annotation' in module.name or '.cli' in module.name or '.documents' in module.name:\n"
        "        __import__(module.name)\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow isn't installed")
def test_the_encoder_layer_leaves_tensorflow_alone():
    code = (
        "import sys, spacy_bioner.models.transformer.layer; from transformers.utils import is_tf_available\n"
        "from transformers import BertModel\n"
        "print('tensorflow' in sys.modules, is_tf_available())"
    )
    variables = {name: value for name, value in os.environ.items() if name != "USE_TF"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables
    )
    assert done.stdout == "False True\n"
