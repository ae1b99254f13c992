import json

from netaug_core.export.model_card import as_markdown
from tests.netaug_core.conftest import FinishedRun


def test_a_card_names_the_family_and_width_or_the_users_own_network(
    finished_run: FinishedRun,
) -> None:
    card = json.loads((finished_run.out / "model_card.json").read_text())
    assert card["spec"]["model"]["network"] is not None
    assert "\nA network of your own, trained" in as_markdown(card)

    card["spec"]["model"] |= {"name": "mobilenet_v2", "width": 0.35, "network": None}
    assert "\nmobilenet_v2 of width 0.35, trained" in as_markdown(card)
