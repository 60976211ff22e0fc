"""The terms of moskvyak2021 on networks whose answers are known: maps that are the image itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import nn

from landmarklib import methods
from landmarklib.core import coords, costs, heatmaps
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.types import Batch
from landmarklib.methods import hrnet

SIDE, K = 16, 2
METHOD = hrnet.METHOD


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Itself(nn.Module):
    """Heatmaps are the image's channels, features as well; a classifier of its own. Its mirror swaps the keypoints."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(K, K)
        self.mirror = [1, 0]

    def net(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def tapped(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, images


def peaks(*at: tuple[float, float], sigma: float = 1.5) -> torch.Tensor:
    """1 x K x SIDE x SIDE: for each keypoint a blob at that pixel."""
    points = coords.to_norm(torch.tensor([at], dtype=torch.float), (SIDE, SIDE))
    return heatmaps.gaussians(points, torch.ones(1, K, dtype=torch.bool), SIDE, sigma)


def batch(images: torch.Tensor, points: torch.Tensor | None = None, n_labelled: int = 0) -> Batch:
    nothing = torch.full((len(images), K, 2), torch.nan)
    points = nothing if points is None else points
    return Batch(images, points, points.isfinite().all(-1), torch.zeros(len(images), 0), n_labelled)


def losses(given: Batch, terms: set[str], net: nn.Module | None = None, seed: int = 3, **options) -> dict:
    """Each term's values with the method's own ranges."""
    options = methods.complete(METHOD, {"sigma": 1.5, **options})
    return hrnet.loss(Models(net or Itself()), given, terms, options, Noise(seeded(seed)))


SEEN = torch.cat([peaks((4, 5), (11, 9)), peaks((7, 8), (6, 6))])


def test_heatmaps_are_learnt_where_keypoints_are_and_where_they_count():
    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]], [[7, 8], [0, 0]]]), (SIDE, SIDE))
    true[1, 1] = torch.nan  # not visible
    assert losses(batch(SEEN, true, 2), {"heatmaps"})["heatmaps"].tolist() == pytest.approx([0, 0], abs=1e-12)
    wrong = losses(batch(SEEN.roll(2, -1), true, 2), {"heatmaps"})["heatmaps"]
    assert (wrong > 0.01).all()


def test_a_network_whose_maps_follow_the_image_has_no_equivariance_loss():
    assert losses(batch(SEEN), {"equivariance"})["equivariance"].tolist() == pytest.approx([0, 0], abs=1e-10)


def test_true_heatmaps_take_the_places_of_those_found_on_labelled_images():
    """Maps that are wrong on a labelled image cost nothing but against the true ones under the warp."""
    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]], [[4.0, 5], [11, 9]]]), (SIDE, SIDE))
    given = batch(SEEN, true, 1)  # the second image has no label
    labelled, other = losses(given, {"equivariance"})["equivariance"].tolist()
    assert (labelled, other) == pytest.approx((0, 0), abs=1e-10)
    moved = batch(torch.cat([SEEN[1:], SEEN[1:]]), true, 1)
    labelled, other = losses(moved, {"equivariance"})["equivariance"].tolist()
    assert labelled > 0.01 and other == pytest.approx(0, abs=1e-10)
    assert losses(moved, {"equivariance"}, true_heatmaps=False)["equivariance"][0].item() == pytest.approx(0, abs=1e-10)


def test_consistency_tells_keypoints_by_the_features_under_their_heatmaps():
    """The first keypoint's features are (1, ~0): a classifier that scales them is sure in the measure of its scale."""
    net = Itself()
    with torch.no_grad():
        net.classifier.weight.copy_(3 * torch.eye(K))
        net.classifier.bias.zero_()
    far = torch.cat([peaks((2, 2), (13, 13), sigma=0.5)])
    value = losses(batch(far), {"consistency"}, net)["consistency"].item()
    assert value == pytest.approx(math.log(1 + math.exp(-3)), abs=1e-3)


def test_an_invisible_keypoint_teaches_the_classifier_nothing():
    points = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]]]), (SIDE, SIDE))
    hidden = points.clone()
    hidden[0, 1] = torch.nan
    net = Itself()

    def gradient(of: torch.Tensor) -> torch.Tensor:
        net.zero_grad()
        losses(batch(SEEN[:1], of, 1), {"consistency"}, net)["consistency"].sum().backward()
        return net.classifier.bias.grad.clone()

    p = torch.softmax(net.classifier(torch.stack([SEEN[0, :, 5, 4]])), -1)[0]
    assert gradient(hidden).tolist() == pytest.approx([p[0].item() - 1, p[1].item()], abs=0.02)
    assert not torch.allclose(gradient(points), gradient(hidden), atol=0.05)


def test_representations_that_move_with_the_image_have_no_invariance_loss():
    """A warp interpolates, so peaks lose a little of their height."""
    value = losses(batch(SEEN), {"invariance"})["invariance"]
    other = losses(batch(torch.cat([SEEN[:1], 0 * SEEN[:1]])), {"invariance"})["invariance"]
    assert (value < 0.1).all() and other[1] == 0


def test_a_network_whose_maps_stand_still_has_an_invariance_loss():
    """Its representations are those of other places."""

    class Still(Itself):
        def tapped(self, images):
            return images, SEEN.repeat(len(images) // len(SEEN), 1, 1, 1)

    turned = {"rotation_degrees": 180.0}
    far_out, near_the_middle = losses(batch(SEEN), {"invariance"}, Still(), **turned)["invariance"].tolist()
    assert far_out > 0.25 and near_the_middle > 0.02


def test_invariance_looks_under_true_heatmaps_on_labelled_images():
    """Empty maps cost what true ones do there, as they are not asked; a keypoint that leaves the view costs nothing."""

    class Blind(Itself):
        def tapped(self, images):
            return images, 0 * images

    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]], [[math.nan] * 2] * 2]), (SIDE, SIDE))
    given = batch(SEEN, true, 1)
    labelled, other = losses(given, {"invariance"}, Blind())["invariance"].tolist()
    found = losses(given, {"invariance"})["invariance"].tolist()
    assert labelled == pytest.approx(found[0]) and 0 < labelled < 0.1 and other == 0
    far = {"shift": 3.9, "scale": 0.0, "perspective": 0.0, "rotation_degrees": 0.0}
    outside = [losses(given, {"invariance"}, seed=seed, **far)["invariance"][0].item() for seed in range(4)]
    assert outside[:3] == [0, 0, 0] or min(outside) == 0


def test_terms_without_labels_teach_the_maps_of_unlabelled_images():
    """Semantic consistency and invariance through both views, equivariance as a target, too."""
    for term in ("consistency", "equivariance", "invariance"):
        images = SEEN.clone().requires_grad_()

        class Apart(Itself):
            def tapped(self, given, images=images):
                return given.detach(), torch.cat([0.9 * images, given.detach()[len(images) :]])

        losses(batch(SEEN), {term}, Apart())[term].sum().backward()
        assert images.grad.abs().amax((1, 2, 3)).min() > 0


def test_an_image_is_painted_from_its_second_view_and_its_own_points():
    class Painting(Itself):
        def painter(self, source, points, std):
            self.given = source, points
            return 0 * source

    net = Painting()
    still = {"perspective": 0.0, "rotation_degrees": 0.0, "scale": 0.0, "shift": 0.5}
    value = losses(batch(SEEN), {"reconstruct"}, net, beta=50.0, **still)["reconstruct"]
    source, points = net.given
    assert coords.to_pixels(points, (SIDE, SIDE))[0].round().tolist() == [[4, 5], [11, 9]]
    assert not torch.allclose(source, SEEN, atol=0.1) and (value > 0).all()


@pytest.mark.parametrize("of", ["points", "maps"])
def test_elt_is_small_for_a_network_that_follows_and_large_for_one_that_does_not(of):
    class Still(Itself):
        def tapped(self, images):
            return images, SEEN[:1].expand(len(images), -1, -1, -1)

    follows, still = (losses(batch(SEEN), {"elt"}, net, elt_of=of, beta=50.0)["elt"] for net in (Itself(), Still()))
    assert (follows < 0.3 * still).all()


def test_terms_that_look_at_the_second_view_share_it():
    def images(*terms: str) -> int:
        return costs.of_step(METHOD, terms, METHOD.options, 3, 5)

    assert images("heatmaps") == images("heatmaps", "consistency") == 8
    assert images("heatmaps", "invariance") == images("heatmaps", "equivariance", "invariance", "elt") == 16


def test_pseudo_labels_are_the_peaks_over_scales_and_mirror_images():
    """The mirror image swaps left and right, so a mirrored map counts for the other keypoint."""

    image = peaks((4, 5), (11, 9))
    found, seen = hrnet.relabel(Mirrored(), image, methods.complete(METHOD, {"confident": 0.85}))
    assert coords.to_pixels(found, (SIDE, SIDE)).round().tolist() == [[[4, 5], [11, 9]]] and seen.all()
    assert not hrnet.relabel(Mirrored(), 0.5 * image, methods.complete(METHOD, {"confident": 0.85}))[1].any()


def test_pseudo_labels_look_at_every_scale_and_at_the_mirror_image():
    class Counting(Itself):
        seen: ClassVar = []

        def net(self, images: torch.Tensor) -> torch.Tensor:
            self.seen.append(images.sum().item())
            return images

    hrnet.relabel(Counting(), peaks((4, 5), (11, 9)), methods.complete(METHOD, {}))
    sizes = [of / Counting.seen[2] for of in Counting.seen]
    assert sizes == pytest.approx([scale**2 for scale in hrnet.SCALES for _ in range(2)], rel=0.05)


class Mirrored(Itself):
    """Keypoints are left and right of the person: in a mirror image, whose channels are not swapped, they change."""

    def net(self, images: torch.Tensor) -> torch.Tensor:
        original = images[:, 0].flatten(1).argmax(-1) % SIDE < SIDE // 2
        return images.where(original[:, None, None, None], images[:, [1, 0]])

    def tapped(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, self.net(images)


def test_points_are_the_cells_where_maps_peak():
    found = hrnet.predict(Itself(), SEEN, methods.complete(METHOD, {})).points
    assert coords.to_pixels(found, (SIDE, SIDE)).tolist() == [[[4, 5], [11, 9]], [[7, 8], [6, 6]]]


PLAIN = {"brightness": 0.0, "gain": 0.0, "grain": 0.0, "cut_outs": 0}


def taught(given: Batch, student: nn.Module, teacher: nn.Module, **options) -> torch.Tensor:
    complete = methods.complete(METHOD, options)
    return hrnet.loss(Models(student, teacher), given, {"mean_teacher"}, complete, Noise(seeded(3)))["mean_teacher"]


def test_a_student_is_to_find_in_a_hard_view_what_its_teacher_finds_in_the_image():
    class Scaled(Itself):
        def __init__(self, factor: float):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(factor))

        def net(self, images: torch.Tensor) -> torch.Tensor:
            return self.factor * images

    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]], [[math.nan] * 2] * 2]), (SIDE, SIDE))
    given, one = batch(SEEN, true, 1), Scaled(1.0)
    same = taught(given, Scaled(1.0), one, **PLAIN)
    assert same.shape == (1,) and same.item() == pytest.approx(0, abs=1e-10)  # of the image without a label alone
    twice = Scaled(2.0)
    value = taught(given, twice, one, **PLAIN)
    value.sum().backward()
    assert twice.factor.grad.item() == pytest.approx(2 * value.item(), rel=1e-4) and one.factor.grad is None
    assert taught(given, Scaled(1.0), one, **PLAIN | {"cut_outs": 8, "cut_out_side": 0.4}).item() > 1e-4


def test_unlabelled_images_that_no_term_looks_at_do_not_go_through_the_network():
    class Counting(Itself):
        seen = 0

        def tapped(self, images):
            self.seen += len(images)
            return images, images

    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]], [[math.nan] * 2] * 2]), (SIDE, SIDE))
    for terms, n in (({"heatmaps"}, 1), ({"heatmaps", "mean_teacher"}, 1), ({"consistency"}, 2), ({"equivariance"}, 4)):
        net = Counting()
        hrnet.loss(Models(net, Itself()), batch(SEEN, true, 1), terms, methods.complete(METHOD, {}), Noise(seeded()))
        assert net.seen == n


def test_the_hard_view_does_not_count_where_the_image_does_not_reach():
    """A student that finds everything everywhere is off by 1 in all that counts, and the teacher has nothing."""

    class Everywhere(Itself):
        def net(self, images):
            return torch.ones_like(images)

    class Nothing(Itself):
        def net(self, images):
            return 0 * images

    ranges = {"perspective": 0.0, "rotation_degrees": 0.0, "scale": 0.0}
    near, far = (
        taught(batch(SEEN), Everywhere(), Nothing(), shift=shift, **PLAIN | ranges).mean().item()
        for shift in (1e-6, 1.9)
    )
    assert near == pytest.approx(1, abs=1e-3) and far < 0.7


def test_a_keypoint_may_be_read_between_pixels():
    at = coords.to_norm(torch.tensor([[[4.3, 5.0], [11.0, 8.6]]]), (SIDE, SIDE))
    image = heatmaps.gaussians(at, torch.ones(1, K, dtype=torch.bool), SIDE, 1.5)
    found = hrnet.predict(Itself(), image, methods.complete(METHOD, {"between_pixels": True})).points
    assert torch.allclose(found, at, atol=1e-5)
    assert not torch.allclose(hrnet.predict(Itself(), image, methods.complete(METHOD, {})).points, at, atol=1e-2)


def test_a_class_is_told_by_the_points_of_labelled_and_other_images_alike():
    class Told(Itself):
        def head(self, points, noise=None):
            self.given = points
            return (torch.stack([0 * points[:, 0], 0 * points[:, 0] + math.log(3)], -1),)

    net, given = Told(), batch(SEEN)
    given = replace(given, attributes=torch.tensor([[1.0], [0.0]]))
    value = losses(given, {"classes"}, net, beta=200.0, attributes=["class"])["classes"]
    assert value.tolist() == pytest.approx([math.log(4 / 3), math.log(4)])
    pixels = coords.to_pixels(net.given.unflatten(1, (K, 2)), (SIDE, SIDE))
    assert pixels.round().tolist() == [[[4, 5], [11, 9]], [[7, 8], [6, 6]]]


def test_attributes_are_predicted_where_they_are_asked_for():
    class Told(Itself):
        def head(self, points, noise=None):
            return (points[:, :3],)

    (logits,) = hrnet.predict(Told(), SEEN, methods.complete(METHOD, {"attributes": ["class"]})).attributes
    assert logits.shape == (2, 3)
    assert hrnet.predict(Itself(), SEEN, methods.complete(METHOD, {})).attributes == ()


def test_in_a_mirror_left_and_right_change_places():
    """A network that always finds the left one on the left half is right of the mirror image, too."""
    true = coords.to_norm(torch.tensor([[[4.0, 5.0], [11, 9]]]), (SIDE, SIDE))
    given = batch(SEEN[:1], true, 1)
    assert losses(given, {"heatmaps"}, Mirrored(), mirrored=1.0)["heatmaps"].item() == pytest.approx(0, abs=1e-10)
    assert losses(given, {"heatmaps"}, mirrored=1.0)["heatmaps"].item() > 0.01
