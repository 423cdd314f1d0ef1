"""Choosing the CPU or a GPU."""

from spacy_bioner.errors import PipelineError


def use_device(gpu_id: int) -> None:
    """Makes spaCy use a GPU; -1 is the CPU, and changes nothing.

    Raises:
        PipelineError: if there is no such GPU, or cupy or PyTorch can't use it.
    """
    if gpu_id < 0:
        return
    from thinc.api import require_gpu

    try:
        require_gpu(gpu_id)
    except Exception as error:  # thinc, cupy and PyTorch each have their own
        raise PipelineError(
            f"GPU {gpu_id} can't be used ({error}). [B254]\n"
            "It needs cupy (pip install 'spacy-bioner[cuda12x]') and PyTorch with CUDA. "
            "--gpu-id -1 is the CPU."
        ) from None
