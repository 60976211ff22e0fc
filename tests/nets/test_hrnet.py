"""The high-resolution network: its size and names are the authors', its taps moskvyak2021's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from landmarklib.core.errors import UserError
from landmarklib.nets import forms, hrnet
from landmarklib.nets.forms import Form

W32 = ((64, 2, 2), 32, (1, 4, 3), 4, (4, 64))
SMALL = ((4, 2, 2), 2, (1, 2, 1), 1, (2, 2))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(channels: int = 1, n_maps: int = 3, shape=SMALL) -> hrnet.HRNet:
    return hrnet.HRNet(channels, n_maps, *shape, seeded()).eval()


@pytest.fixture(scope="module")
def w32() -> hrnet.HRNet:
    return hrnet.HRNet(3, 17, *W32, seeded()).eval()


def test_the_largest_one_has_the_published_size_and_names(w32):
    """28.5 million parameters for the 17 keypoints of COCO; the file of the authors' weights has these tensors."""
    assert sum(p.numel() for p in w32.parameters()) == 28_536_113
    names = w32.state_dict().keys()
    assert len(names) == 1754
    assert names >= {
        "conv1.weight",
        "bn2.running_var",
        "layer1.0.downsample.0.weight",
        "layer1.3.conv3.weight",
        "transition1.0.1.bias",
        "transition1.1.0.0.weight",
        "transition3.3.0.1.running_mean",
        "stage2.0.branches.1.3.bn2.weight",
        "stage3.3.fuse_layers.2.0.1.0.weight",
        "stage3.0.fuse_layers.0.2.1.num_batches_tracked",
        "stage4.2.fuse_layers.0.3.0.weight",
        "final_layer.bias",
    }
    assert not any(name.startswith("stage4.2.fuse_layers.1.") for name in names)  # the last one gives one branch


def test_features_are_tapped_at_352_channels_a_quarter_as_fine(w32):
    with torch.no_grad():
        features, maps = w32.tapped(torch.rand(1, 3, 64, 64, generator=seeded(1)))
    assert features.shape == (1, w32.n_tapped, 16, 16) == (1, 352, 16, 16) and maps.shape == (1, 17, 16, 16)


def test_branches_halve_and_double_and_only_the_finest_comes_out():
    found = small().stages(torch.rand(2, 1, 32, 32, generator=seeded(1)))
    shapes = [[tuple(x.shape[1:]) for x in branches] for branches in found]
    assert shapes == [[(2, 8, 8), (4, 4, 4)], [(2, 8, 8), (4, 4, 4), (8, 2, 2)], [(2, 8, 8)]]


@pytest.mark.parametrize("side", [32, 36, 52])
def test_odd_sides_on_the_way_down_fit_again(side):
    """At 36 px branches of 9, 5, 3 and 2 cells are summed."""
    features, maps = small().tapped(torch.rand(1, 1, side, side, generator=seeded(1)))
    assert features.shape[-1] == maps.shape[-1] == side // 4


def test_a_module_sums_its_branches_by_hand():
    """Branches that pass, and layers that multiply: the finer one is 1 + 10 x 2, the coarser 2 + 100 x 1."""
    module = hrnet.Module([1, 1], 1, 2, seeded())
    for branch in module.branches:
        branch[0] = torch.nn.Identity()
    module.fuse_layers[0][1] = Times(10)
    module.fuse_layers[1][0] = torch.nn.Sequential(torch.nn.AvgPool2d(2), Times(100))
    fine, coarse = module([torch.ones(1, 1, 4, 4), torch.full((1, 1, 2, 2), 2.0)])
    assert torch.equal(fine, torch.full((1, 1, 4, 4), 21.0)) and torch.equal(coarse, torch.full((1, 1, 2, 2), 102.0))


class Times(torch.nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def test_grey_and_coloured_images_are_normalized_by_imagenets_colours():
    white = hrnet._normalized(torch.ones(1, 3, 1, 1)).flatten()
    assert white.tolist() == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    assert hrnet._normalized(torch.full((1, 1, 1, 1), 0.449)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("form", [Form(channels_last=True), Form(dtype=torch.bfloat16)])
def test_forms_compute_the_same_maps(form):
    net, images = small(), torch.rand(2, 1, 32, 32, generator=seeded(2))
    with torch.no_grad():
        wanted = net(images)
        forms.set_form(net, form)
        found = net(images)
    assert found.dtype == torch.float32
    assert torch.allclose(found, wanted, atol=1e-6 if form.dtype == torch.float32 else 0.05 * wanted.abs().max())


def test_every_parameter_gets_a_gradient():
    net = hrnet.Keypoints(small().train(), 5, [1, 0, 2], 2, 32, seeded(1))
    images = torch.rand(2, 1, 32, 32, generator=seeded(2))
    features, maps = net.tapped(images)
    painted = net.painter(images, torch.zeros(2, 3, 2), 0.1)
    (features.square().mean() + maps.square().mean() + painted.square().mean() + net.classifier.weight.sum()).backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == ["classifier.bias"]


def saved(folder: Path, net: hrnet.HRNet, **changes: object) -> Path:
    torch.save(net.state_dict() | changes, folder / "hrnet.pth")
    return folder / "hrnet.pth"


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_of_coloured_images_fit_grey_ones_and_the_last_layer_stays(tmp_path, channels):
    """A grey image has one value for all colours, so its kernel is their sum."""
    given = hrnet.HRNet(3, 7, *SMALL, seeded(5)).eval()
    with torch.no_grad():
        given.bn1.running_mean.fill_(0.3)
    net = small(channels)
    last = net.final_layer.weight.clone()
    hrnet.load(net, saved(tmp_path, given, extra=torch.zeros(1)))
    assert torch.equal(net.final_layer.weight, last) and (net.bn1.running_mean == 0.3).all()
    assert torch.equal(
        net.conv1.weight, given.conv1.weight if channels == 3 else given.conv1.weight.sum(1, keepdim=True)
    )
    assert torch.equal(net.stage4[0].branches[3][0].conv2.weight, given.stage4[0].branches[3][0].conv2.weight)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer1.1.bn3.bias": None}, "has no tensor 'layer1.1.bn3.bias'; expected the names of HRNet's authors"),
        (
            {"conv2.weight": torch.zeros(5, 4, 3, 3)},
            "is torch.float32 of shape (5, 4, 3, 3); expected floating point of",
        ),
        ({"bn1.bias": torch.full((4,), torch.nan)}, "bn1.bias in '.*' has numbers that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(tmp_path, changes, words):
    net = small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(UserError, match=words.replace("(", r"\(").replace(")", r"\)")) as refusal:
        hrnet.load(net, saved(tmp_path, small(3), **changes))
    assert "\n" not in str(refusal.value) and str(refusal.value).startswith("weights: ")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_file_of_weights_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"^weights: there is no file '.*'; expected an HRNet's weights, saved by torch$"
    ):
        hrnet.load(small(), tmp_path / "none.pth")
