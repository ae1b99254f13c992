"""Small graphs of any wiring: what an arena must hold for, beyond the networks there are."""

from hypothesis import strategies as st

from netaug_core.graph.operations import IMAGE, Add, Concat, Conv, Graph, Operation, Scale, Shape

MOST_CHANNELS = 6


def conv(name: str, inputs: str) -> Conv:
    return Conv(name=name, inputs=(inputs,), kernel=1, stride=1, depthwise=False, activation="none")


def add(name: str, first: str, second: str) -> Add:
    return Add(name=name, inputs=(first, second), activation="none")


def chain(*operations: Operation, outputs: tuple[str, ...], **channels: int) -> Graph:
    """A graph on 1 x 1 maps with these channels."""
    shapes = {name: Shape(1, 1, count) for name, count in channels.items()}
    return Graph(operations, shapes, outputs)


@st.composite
def graphs(draw: st.DrawFn, most: int = 8) -> Graph:
    """Convolutions, sums, scaled maps and concatenations of what was made before, at random."""
    channels = {IMAGE: draw(st.integers(1, MOST_CHANNELS))}
    operations: list[Operation] = []
    for index in range(draw(st.integers(1, most))):
        first, second = draw(st.tuples(*[st.sampled_from(sorted(channels))] * 2))
        operation, count = _operation(draw, f"op{index}", first, second, channels)
        operations.append(operation)
        channels[operation.name] = count
    names = [operation.name for operation in operations]
    outputs = draw(st.sets(st.sampled_from(names), max_size=2)) | {names[-1]}
    return chain(*operations, outputs=tuple(sorted(outputs)), **channels)


def _operation(
    draw: st.DrawFn, name: str, first: str, second: str, channels: dict[str, int]
) -> tuple[Operation, int]:
    """An operation, and the channels of what it makes."""
    kind = draw(st.sampled_from(["conv", "join", "concat"]))
    if kind == "concat":
        both = channels[first] + channels[second]
        return Concat(name=name, inputs=(first, second)), both
    if kind == "join" and channels[first] == channels[second]:
        return add(name, first, second), channels[first]
    if kind == "join":
        return Scale(name=name, inputs=(first, second)), channels[first]
    return conv(name, first), draw(st.integers(1, MOST_CHANNELS))
