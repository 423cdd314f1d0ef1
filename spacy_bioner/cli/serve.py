"""`spacy bioner serve`: pipelines as a web service."""

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg


@verb("serve")
def serve_cli(
    models: list[str] = typer.Argument(
        ..., help="Pipelines: names of packages, or folders; the first is the default"
    ),
    host: str = typer.Option("127.0.0.1", help="Address to listen at; 0.0.0.0 for other machines too"),
    port: int = typer.Option(8000, min=1, max=65535, help="Port to listen at"),
    workers: int = typer.Option(1, min=1, help="Processes, each with the pipelines; one a core"),
    threads: int = typer.Option(
        0, min=0, help="Threads a process computes with; default: 1 if several processes"
    ),
    threshold: str = typer.Option("", help="Score that mentions need: 0.5, or by type: 'Disease=0.8,0.5'"),
    precision: str = typer.Option("", help="What a transformer computes in: float32, bfloat16, float16"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    wait: float = typer.Option(2.0, min=0, help="Milliseconds that a request waits for others"),
    max_body: int = typer.Option(5_000_000, min=1, help="Most bytes of a request"),
    max_documents: int = typer.Option(1000, min=1, help="Most documents of a request"),
    max_length: int = typer.Option(200_000, min=100, help="Most characters of a document"),
    max_queue: int = typer.Option(5_000_000, min=1, help="Most characters that wait"),
    max_connections: int = typer.Option(1000, min=1, help="Most clients at once"),
    receive_timeout: float = typer.Option(30.0, min=0.1, help="Seconds in which a request must have come in"),
    answer_timeout: float = typer.Option(120.0, min=0.1, help="Seconds in which it must be annotated"),
    stop_timeout: float = typer.Option(60.0, min=1, help="Seconds to finish what was accepted, when stopped"),
) -> None:
    """Serve pipelines over HTTP: a page, text, PubTator, BioC JSON and JSONL, and Label Studio's protocol."""
    from spacy_bioner.cli.annotate import thresholds
    from spacy_bioner.errors import PipelineError
    from spacy_bioner.service.service_settings import Limits, ServiceSettings

    try:
        from spacy_bioner.service.running import serve
    except ImportError as error:
        raise PipelineError(
            f"The service needs more packages ({error.name}): pip install 'spacy-bioner[serve]'. [B548]"
        ) from None
    limits = Limits(
        body=max_body,
        documents=max_documents,
        characters=max_length,
        queue=max_queue,
        wait=wait / 1000,
        receive=receive_timeout,
        answer=answer_timeout,
        stop=stop_timeout,
        connections=max_connections,
    )
    settings = ServiceSettings(
        tuple(listed(models)),
        threshold=thresholds(threshold),
        precision=precision,
        gpu_id=gpu_id,
        threads=threads or int(workers > 1),
        limits=limits,
    )
    msg.info(f"http://{host}:{port}")
    serve(settings, host=host, port=port, workers=workers)
