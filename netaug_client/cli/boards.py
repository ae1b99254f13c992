"""The commands `netaug boards ...`. They need no server: the catalogue comes with this program."""

import typer

from netaug_client.cli import output
from netaug_client.cli.jobs import AsJson
from netaug_client.device_models import Board
from netaug_core.boards import BOARDS

KIB = 1024

app = typer.Typer(help="Microcontrollers that a network can be meant for.", no_args_is_help=True)


@app.command("list")
def list_boards(as_json: AsJson = False) -> None:
    """Boards that a spec's target can name, with their makers' numbers."""
    if as_json:
        output.print_json([Board.model_validate(vars(board)) for board in BOARDS])
        return
    output.print_table(
        ("NAME", "CORE", "MHZ", "SRAM KIB", "FLASH KIB", "SOURCE"),
        [
            (
                *(board.name, board.core, str(board.clock_mhz)),
                *(str(board.sram_bytes // KIB), str(board.flash_bytes // KIB), board.source),
            )
            for board in BOARDS
        ],
    )
