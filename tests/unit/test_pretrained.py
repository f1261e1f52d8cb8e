"""AlexNet, VGG16 and ResNet18 are torchvision's, to the last key of the published checkpoints."""

import pytest
import torch
from torch.nn import functional

from genreflow.errors import GenreflowError
from genreflow.models.alexnet import alexnet
from genreflow.models.pretrained import load_checkpoint, read_state
from genreflow.models.resnet import resnet18
from genreflow.models.vgg import vgg16

torch.set_num_threads(1)

PICTURES = ((3, 128, 128),)
FACTORIES = {"alexnet": alexnet, "vgg16": vgg16, "resnet18": resnet18}
# As torchvision's documentation gives them, with 1000 classes.
PARAMETERS = {"alexnet": 61_100_840, "vgg16": 138_357_544, "resnet18": 11_689_512}
CLASSIFIERS = {"alexnet": ("classifier.1", "classifier.4", "classifier.6")}
CLASSIFIERS["vgg16"] = ("classifier.0", "classifier.3", "classifier.6")
PARTS = ("weight", "bias")
CUTS = [(name, at) for name in CLASSIFIERS for at in ("fc1", "fc2", "fc3")]


def published(name):
    """Shapes of torchvision's state_dict, by key, of the module for ImageNet's 1000 classes."""
    if name == "resnet18":
        return published_resnet18()
    convolutions = {
        "alexnet": {
            **{0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3)},
            **{8: (256, 384, 3, 3), 10: (256, 256, 3, 3)},
        },
        "vgg16": {
            **{0: (64, 3, 3, 3), 2: (64, 64, 3, 3), 5: (128, 64, 3, 3), 7: (128, 128, 3, 3)},
            **{10: (256, 128, 3, 3), 12: (256, 256, 3, 3), 14: (256, 256, 3, 3)},
            **{17: (512, 256, 3, 3), 19: (512, 512, 3, 3), 21: (512, 512, 3, 3)},
            **{24: (512, 512, 3, 3), 26: (512, 512, 3, 3), 28: (512, 512, 3, 3)},
        },
    }[name]
    linear = [(4096, 9216 if name == "alexnet" else 25088), (4096, 4096), (1000, 4096)]
    layers = {f"features.{place}": shape for place, shape in convolutions.items()}
    layers |= dict(zip(CLASSIFIERS[name], linear, strict=True))
    shapes = {}
    for layer, shape in layers.items():
        shapes |= {f"{layer}.weight": shape, f"{layer}.bias": shape[:1]}
    return shapes


def published_resnet18():
    convolutions = {"conv1": (64, 3, 7, 7)}
    norms = {"bn1": 64}
    before = 64
    for layer, width in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            here = f"layer{layer}.{block}"
            convolutions[f"{here}.conv1"] = (width, before if block == 0 else width, 3, 3)
            convolutions[f"{here}.conv2"] = (width, width, 3, 3)
            norms |= {f"{here}.bn1": width, f"{here}.bn2": width}
        if layer > 1:
            convolutions[f"layer{layer}.0.downsample.0"] = (width, before, 1, 1)
            norms[f"layer{layer}.0.downsample.1"] = width
        before = width
    shapes = {f"{name}.weight": shape for name, shape in convolutions.items()}
    for name, width in norms.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()
    return shapes | {"fc.weight": (1000, 512), "fc.bias": (1000,)}


def made_checkpoint(name, path, *, counters=True, **changed):
    """Write a checkpoint of the published layout; one random number for each output of a layer."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in (published(name) | changed).items():
        if key.endswith("num_batches_tracked"):
            if counters:
                state[key] = torch.tensor(7)
            continue
        # Expanded, so that half a gigabyte of VGG16 is a small file.
        numbers = torch.rand(shape[:1], generator=draw).reshape(-1, *[1] * (len(shape) - 1))
        state[key] = numbers.expand(shape)
    torch.save(state, path)
    return state


@pytest.fixture(scope="module", params=FACTORIES)
def full(request):
    """Name and module of an original, for 1000 classes, with first weights."""
    torch.manual_seed(0)
    return request.param, FACTORIES[request.param](PICTURES, 1000).eval()


def pictures(height, width, n=2):
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (n, 3, height, width), generator=draw)


def defined(name, state, x):
    """The network's logits, by functions of torch alone."""
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    x = (x / 255 - mean) / std
    return {"alexnet": of_alexnet, "vgg16": of_vgg16, "resnet18": of_resnet18}[name](state, x)


def fully_connected(name, state, x):
    first, second, last = CLASSIFIERS[name]
    for layer in (first, second):
        x = functional.relu(functional.linear(x, state[f"{layer}.weight"], state[f"{layer}.bias"]))
    return functional.linear(x, state[f"{last}.weight"], state[f"{last}.bias"])


def of_alexnet(state, x):
    strides = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
    for place, (stride, padding) in strides.items():
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        x = functional.relu(functional.conv2d(x, weight, bias, stride=stride, padding=padding))
        if place in (0, 3, 10):
            x = functional.max_pool2d(x, 3, stride=2)
    return fully_connected("alexnet", state, functional.adaptive_avg_pool2d(x, 6).flatten(1))


def of_vgg16(state, x):
    for place in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
        if place in (2, 7, 14, 21, 28):
            x = functional.max_pool2d(x, 2)
    return fully_connected("vgg16", state, functional.adaptive_avg_pool2d(x, 7).flatten(1))


def of_resnet18(state, x):
    def norm(x, name):
        parts = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(state[f"{name}.{part}"] for part in parts), eps=1e-5)

    def convolved(x, name, stride, padding):
        return functional.conv2d(x, state[f"{name}.weight"], stride=stride, padding=padding)

    x = functional.max_pool2d(
        functional.relu(norm(convolved(x, "conv1", 2, 3), "bn1")), 3, stride=2, padding=1
    )
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            here, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            inner = functional.relu(norm(convolved(x, f"{here}.conv1", stride, 1), f"{here}.bn1"))
            inner = norm(convolved(inner, f"{here}.conv2", 1, 1), f"{here}.bn2")
            if f"{here}.downsample.0.weight" in state:
                x = norm(convolved(x, f"{here}.downsample.0", stride, 0), f"{here}.downsample.1")
            x = functional.relu(inner + x)
    return functional.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def test_keys_and_shapes_are_the_published_ones(full):
    name, module = full
    found = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    assert found == published(name)
    assert sum(value.numel() for value in module.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("size", [(128, 128), (224, 192)])
def test_logits_are_those_of_the_definition(full, size):
    name, module = full
    loud(module)
    x = pictures(*size).float()
    with torch.inference_mode():
        expected = defined(name, module.state_dict(), x)
        assert (expected[0] - expected[1]).abs().max() > 0.05
        torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-4)


def loud(module):
    """Weights with which the pictures reach the logits, and which no two layers share."""
    draw = torch.Generator().manual_seed(2)
    for key, value in module.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=draw)
        elif value.dim() == 1:
            own = 1 if key.endswith(".weight") else 0
            value.normal_(own, 0.1, generator=draw)
        elif value.dim() > 1 and value.numel() < 1e7:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=draw)
        elif value.dim() > 1:
            # Random already; drawing a hundred million numbers again would take seconds.
            value.mul_((2 / value[0].numel()) ** 0.5 / value[:64].std())


def test_half_of_the_hidden_units_are_dropped_in_training():
    for make in (alexnet, vgg16):
        classifier = make(PICTURES, 10, head_at="fc2").classifier
        dropped = [layer.p for layer in classifier if isinstance(layer, torch.nn.Dropout)]
        assert dropped == ([0.5, 0.5] if make is alexnet else [0.5])


@pytest.mark.parametrize(("name", "at"), [*CUTS, ("resnet18", None)])
def test_a_checkpoint_fills_all_but_the_head(name, at, tmp_path):
    state = made_checkpoint(name, tmp_path / "net.pth")
    module = FACTORIES[name](PICTURES, 10, **({"head_at": at} if at else {}))
    heads = {"fc1": 0, "fc2": 1, "fc3": 2}
    head = CLASSIFIERS[name][heads[at]] if at else "fc"
    assert module.head == (head,)
    assert module.get_submodule(head).out_features == 10
    before = module.get_submodule(head).weight.clone()
    module.load_pretrained(str(tmp_path / "net.pth"))
    own = module.state_dict()
    assert torch.equal(own.pop(f"{head}.weight"), before)
    del own[f"{head}.bias"]
    for key, value in own.items():
        assert torch.equal(value, state[key]), key
    behind = {f"{layer}.{part}" for layer in CLASSIFIERS.get(name, [head]) for part in PARTS}
    left_out = set(state) - set(own)
    assert left_out <= behind
    assert {f"{head}.{part}" for part in PARTS} <= left_out


def test_a_cut_network_ends_at_its_layer():
    module = vgg16(((3, 32, 32),), 7, head_at="fc1").eval()
    x = pictures(32, 32).float()
    with torch.inference_mode():
        maps = module.avgpool(module.features(module.normalize(x))).flatten(1)
        assert maps.shape == (2, 25088)
        assert torch.equal(module(x), module.classifier[0](maps))
    assert len(module.classifier) == 1


@pytest.mark.parametrize("format", ["zip", "old", "safetensors"])
def test_every_format_of_checkpoints_is_read(format, tmp_path):
    torch.manual_seed(0)
    state = resnet18(PICTURES, 1000).state_dict()
    path = tmp_path / ("net.safetensors" if format == "safetensors" else "net.pth")
    if format == "safetensors":
        from safetensors.torch import save_file

        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=format == "zip")
    module = resnet18(PICTURES, 10)
    module.load_pretrained(str(path))
    assert torch.equal(module.conv1.weight, state["conv1.weight"])


def test_checkpoints_from_before_batches_were_counted_are_read(tmp_path):
    state = made_checkpoint("resnet18", tmp_path / "net.pth", counters=False)
    assert len(state) == 102
    module = resnet18(PICTURES, 10)
    module.load_pretrained(str(tmp_path / "net.pth"))
    assert module.bn1.num_batches_tracked == 0
    assert torch.equal(module.layer4[1].bn2.running_var, state["layer4.1.bn2.running_var"])


def test_a_checkpoint_that_does_not_fit_is_refused_as_a_whole(tmp_path):
    path = tmp_path / "net.pth"
    made_checkpoint("resnet18", path, **{"layer1.0.conv1.weight": (64, 64, 5, 5)})
    module = resnet18(PICTURES, 10)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(GenreflowError) as error:
        module.load_pretrained(str(path))
    assert str(path) in str(error.value)
    assert "layer1.0.conv1.weight (64, 64, 5, 5) instead of (64, 64, 3, 3)" in str(error.value)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_a_checkpoint_of_another_network_is_refused_with_its_keys(tmp_path):
    made_checkpoint("alexnet", tmp_path / "net.pth")
    with pytest.raises(GenreflowError, match=r"it lacks: features.2.weight.*it has more: .*and"):
        vgg16(((3, 32, 32),), 10, head_at="fc1").load_pretrained(str(tmp_path / "net.pth"))


def test_a_layer_left_out_is_that_layer_and_no_other(tmp_path):
    module = torch.nn.ModuleDict({"fc": torch.nn.Linear(2, 2), "fc2": torch.nn.Linear(2, 2)})
    torch.save({"fc2.weight": torch.ones(2, 2), "fc2.bias": torch.ones(2)}, tmp_path / "a.pth")
    load_checkpoint(module, tmp_path / "a.pth", without=["fc"])
    assert torch.equal(module["fc2"].weight, torch.ones(2, 2))
    with pytest.raises(GenreflowError, match=r"it lacks: fc\.weight, fc\.bias$"):
        load_checkpoint(module, tmp_path / "a.pth")


class Harmful:
    """What pickle would run."""

    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("content", [Harmful(), [torch.ones(1)], {"a": 1}])
def test_files_that_hold_no_state_are_refused_and_never_run(content, tmp_path, capsys):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(GenreflowError, match=r"net\.pth"):
        read_state(tmp_path / "net.pth")
    assert not capsys.readouterr().out


def test_files_that_are_missing_or_broken_are_told(tmp_path):
    with pytest.raises(GenreflowError, match=r"absent\.pth: there is no such file"):
        read_state(tmp_path / "absent.pth")
    (tmp_path / "net.safetensors").write_bytes(b"text")
    with pytest.raises(GenreflowError, match=r"net\.safetensors cannot be read as weights"):
        read_state(tmp_path / "net.safetensors")


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize(
    "inputs", [57, ((128, 400),), ((3, 16, 128),), ((1, 128, 128),), ((3, 128, 128), (16000,))]
)
def test_only_pictures_are_taken(name, inputs):
    with pytest.raises(GenreflowError, match=r"pictures \(3, height, width\)"):
        FACTORIES[name](inputs, 10)


def test_an_unknown_layer_for_the_head_is_told():
    with pytest.raises(GenreflowError, match=r"head_at: there is no layer 'fc4'; did you mean"):
        alexnet(PICTURES, 10, head_at="fc4")


@pytest.mark.parametrize("name", FACTORIES)
def test_first_weights_follow_from_the_seed(name):
    cut = {} if name == "resnet18" else {"head_at": "fc1"}
    first, again, other = (seeded(name, seed, **cut) for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    key = next(key for key in first if key.endswith("weight"))
    assert not torch.equal(first[key], other[key])


def seeded(name, seed, **parameters):
    torch.manual_seed(seed)
    return FACTORIES[name](PICTURES, 2, **parameters).state_dict()
