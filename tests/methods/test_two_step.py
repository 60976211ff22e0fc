"""Two steps to landmarks without labels, from experiment to record: what each trains, alone and in a pack."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from landmarklib import loading, methods
from landmarklib.core import augmentation, coords, warps
from landmarklib.core.experiment import Experiment
from landmarklib.core.method import Models
from landmarklib.core.noise import Noise
from landmarklib.core.stages import Evaluation, Optimizer, Schedule, Stage
from landmarklib.core.types import Batch
from landmarklib.losses import contrastive
from landmarklib.methods import two_step
from landmarklib.nets.forms import LITERAL
from landmarklib.records import record as records
from landmarklib.records.record import Record
from landmarklib.training import compute

SIZE, K = 16, 7
SMALL = {"n_landmarks": K, "widths": [4, 6], "features": 8, "maps_width": 6, "pool": 2, "points": 12}
OPTIONS = methods.complete(two_step.METHOD, SMALL)
WIDER = {"widths": [16, 24], "features": 16}  # of four channels behind a ReLU, pixels have the same direction
AGREE = {"align": 1.0, "variance": 0.1, "diversity": 0.02}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(**changes) -> torch.nn.Module:
    return two_step.build(loading.get("blocks"), SIZE, OPTIONS | changes, seeded())


def batch(n: int = 4) -> Batch:
    nothing = torch.full((n, 5, 2), torch.nan)
    return Batch(torch.rand(n, 1, SIZE, SIZE, generator=seeded(1)), nothing, nothing[..., 0] > 0, torch.zeros(n, 1), 0)


def stage(name: str, weights: dict[str, float], **changes) -> Stage:
    values = {"images": 48, "batch": 0, "batch_unlabelled": 4, "n_evaluations": 0}
    values |= {"optimizer": Optimizer(0.003, clip=5.0), "schedule": Schedule(2, 0.5)}
    return Stage(name=name, weights=weights, **{**values, **changes})


TWO = (
    stage("features", {"contrast": 1.0}, trains="features"),
    stage("maps", AGREE, trains="maps", n_evaluations=2),
)
ONE = (stage("all", AGREE, n_evaluations=1),)
EVALUATION = Evaluation("equivariance_ratio", 8, 12, [], "regressed")


def experiment(seed: int = 0, stages=TWO, **changes) -> Experiment:
    values = {
        "table": "blocks",
        "row": "two-step",
        "dataset": "blocks",
        "method": "two_step",
        "options": SMALL,
        "fraction": 0.25,
        "seed": seed,
        "budget": "smoke",
        "size": SIZE,
        "train_images": 64,
        "stages": stages,
        "evaluation": EVALUATION,
    }
    return Experiment(**{**values, **changes})


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Parts of the network, `features` or `maps`, of which a parameter or a buffer has another value."""
    return {name.split()[1].split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_each_step_trains_its_own_part_and_leaves_the_other_bit_for_bit(trained):
    """Parameters, and the statistics and counters of batch normalization."""
    (record,) = compute.run([experiment()], form=LITERAL)
    assert record.status == "done"
    start = {f"student {name}": value for name, value in built().state_dict().items()}
    assert moved(start, trained["features"]) == {"features"} and moved(trained["features"], trained["maps"]) == {"maps"}
    assert trained["maps"]["student features.down.0.first.norm.num_batches_tracked"] == 12
    assert trained["maps"]["student maps.first.norm.num_batches_tracked"] in (8, 12)  # until the best evaluation


def test_end_to_end_trains_both(trained):
    (record,) = compute.run([experiment(stages=ONE)], form=LITERAL)
    assert record.status == "done" and len(record.curve) == 1
    start = {f"student {name}": value for name, value in built().state_dict().items()}
    assert moved(start, trained["all"]) == {"features", "maps"}


def test_no_gradient_is_computed_of_frozen_features(monkeypatch):
    asked, forward = [], two_step.agreement

    def spy(probabilities, *given):
        asked.append(probabilities.requires_grad)
        return forward(probabilities, *given)

    net, contrast = built(), []
    monkeypatch.setattr(two_step, "agreement", spy)
    monkeypatch.setattr(two_step, "contrast", lambda first, *_: contrast.append(first.requires_grad) or first)
    for p in net.features.parameters():
        p.requires_grad_(False)
    two_step.loss(Models(net), batch(), {"contrast", "align"}, OPTIONS, Noise(seeded()))
    assert (contrast, asked) == ([False], [True])


def values(record: Record) -> dict[str, float]:
    parts = {f"{p['step']} {k} {n}": v for p in record.curve for k in ("loss", "validation") for n, v in p[k].items()}
    return parts | {name: v["mean"] for name, v in record.metrics.items()}


def test_a_pack_of_two_computes_what_each_computes_alone():
    calm = SMALL | {"temperature": 1.0, "feature_length": 0.0}  # makes little of rounding
    both = [experiment(seed, options=calm) for seed in (0, 1)]
    for packed, e in zip(compute.run(both, form=LITERAL), both, strict=True):
        (alone,) = compute.run([e], form=LITERAL)
        assert packed.status == alone.status == "done"
        # a pixel more or less of some 370 may be found
        assert values(packed) == pytest.approx(values(alone), rel=1e-3, abs=0.6)
        losses = [point["loss"] for point in alone.curve]
        assert [point["loss"] for point in packed.curve] == [pytest.approx(loss, rel=1e-3) for loss in losses]


def test_a_record_has_what_is_measured_without_annotations(tmp_path):
    (record,) = compute.run([experiment()], form=LITERAL)
    matches = {name for name in record.metrics if name.startswith("feature_match_percent")}
    of = [*(f"layer {i}" for i in (1, 2, 3, 4)), "a static guess"]
    assert matches == {f"feature_match_percent at {d} px of {what}" for d in (2, 4, 6, 10, 14, 20, 32) for what in of}
    assert {"equivariance_px", "equivariance_ratio", "error_px"} <= set(record.metrics)
    assert all(0 <= record.metrics[name]["mean"] <= 100 and record.metrics[name]["n"] == 12 for name in matches)
    assert records.load(records.save(record, tmp_path)).metrics == record.metrics
    for what in of:  # a longer distance finds no fewer
        found = [record.metrics[f"feature_match_percent at {d} px of {what}"]["mean"] for d in (2, 6, 10, 20)]
        assert found == sorted(found)


def test_images_are_counted_as_often_as_each_step_sees_them():
    """12 steps of 4 images and their second views, twice."""
    (record,) = compute.run([experiment()], form=LITERAL)
    assert record.images_processed == 2 * 12 * 4 * 2


def test_the_contrast_is_of_places_that_show_the_same(monkeypatch):
    """F hands on the image: in light that does not change, both views have the same value where one comes from another.

    An image that rises steadily is the same at any scale of pixels, so nothing is lost to interpolation.
    """
    axis = coords.pixel_centres(SIZE)
    ramp = (0.5 + 0.2 * axis[None, :] + 0.1 * axis[:, None]).expand(3, 1, SIZE, SIZE)
    seen = []
    monkeypatch.setattr(contrastive, "contrast", lambda *given: seen.append(given) or given[0].sum((1, 2)))
    net = built()
    monkeypatch.setattr(net, "features", torch.nn.Identity())
    still = {"brightness": 0.0, "gain": 0.0, "grain": 0.0}
    given = replace(batch(3), images=ramp)
    two_step.loss(Models(net), given, {"contrast"}, OPTIONS | still | {"points": 200}, Noise(seeded(5)))
    ((first, second, counted, temperature),) = seen
    assert temperature == 0.1 and 0.3 < counted.float().mean() < 1
    apart = (first - second).abs()[:, 0][counted]
    assert (apart < 1e-3).float().mean() > 0.8  # at the edges a view is mixed with the black beyond them
    assert (first - second.roll(1, -1)).abs()[:, 0][counted].median() > 0.03


def test_another_light_leaves_pixels_where_they_are():
    images = batch().images
    same = augmentation.appearance(images, Noise(seeded()), brightness=0.0, gain=0.0, grain=0.0)
    assert torch.allclose(same, images, atol=1e-6)
    lit = augmentation.appearance(images, Noise(seeded()), brightness=0.2, gain=0.3, grain=0.0)
    mean, spread = lit.mean((1, 2, 3)) - images.mean((1, 2, 3)), lit.std((1, 2, 3)) / images.std((1, 2, 3))
    assert mean.abs().max() <= 0.2 and (spread - 1).abs().max() <= 0.3 and mean.std() > 0 and spread.std() > 0
    centred = (lit - lit.mean((1, 2, 3), keepdim=True)) / spread[:, None, None, None]
    assert torch.allclose(centred, images - images.mean((1, 2, 3), keepdim=True), atol=1e-5)
    noisy = augmentation.appearance(images, Noise(seeded()), brightness=0.0, gain=0.0, grain=0.1)
    assert 0.08 < (noisy - images).std() < 0.12


@torch.no_grad()
def measured(net: torch.nn.Module, options: dict, images: torch.Tensor) -> dict[str, torch.Tensor]:
    return two_step.measure(net.eval(), images, options, Noise(seeded()))


def test_without_a_warp_every_pixel_is_found():
    """By untrained features, too; what went through a ReLU may be nothing at all."""
    still = dict.fromkeys(["bend", "strong_bend", "rotation_degrees", "scale", "shift"], 0.0)
    images = torch.rand(20, 1, SIZE, SIZE, generator=seeded(1))  # more than are held at once
    found = measured(built(**WIDER), OPTIONS | still, images)
    of = {what: found[f"feature_match_percent at 2 px of {what}"] for what in ("layer 1", "layer 4", "a static guess")}
    assert (of["layer 1"] == 100).all() and (of["a static guess"] == 100).all() and of["layer 4"].mean() > 90
    assert found["equivariance_px"].abs().max() < 1e-3


def test_acc_is_that_of_a_search_by_loops():
    """Layer 1 at 6 of 128 px: for each drawn pixel whose origin lies in the image, the most similar of all pixels."""
    net, images, options = built().eval(), batch(2).images, OPTIONS | {"matched_points": 5}
    noise, near = Noise(seeded()), torch.full((2, 5), torch.nan)
    plate = two_step.plate_of(2, options, noise)
    pixels = (SIZE * noise.uniform(2, 5, 2)).floor()
    origins = warps.origins(coords.to_norm(pixels, (SIZE, SIZE)), plate)
    with torch.no_grad():
        before, after = net.features(images), net.features(warps.warp_images(images, plate))
        asked = contrastive.sampled(before, origins)
    for b in range(2):
        for k in range(5):
            if origins[b, k].abs().max() <= 1:
                cosines = torch.cosine_similarity(asked[b, :, k, None, None], after[b], dim=0)
                y, x = divmod(int(cosines.argmax()), SIZE)
                near[b, k] = float((x - pixels[b, k, 0]).hypot(y - pixels[b, k, 1]) <= 6 * SIZE / 128 + 1e-6)
    found = measured(net, options, images)["feature_match_percent at 6 px of layer 1"]
    assert torch.allclose(found, 100 * near.nanmean(1), equal_nan=True, atol=1e-4)


def test_a_few_steps_of_contrast_find_more_pixels():
    """On random textures, in seconds: an untrained network against one after 60 steps."""
    coarse = torch.rand(64, 1, 12, 12, generator=seeded(1))
    images = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic").clamp(0, 1)
    options = OPTIONS | WIDER | {"points": 24}
    net = two_step.build(loading.get("blocks"), 32, options, seeded())
    name = "feature_match_percent at 6 px of layer 1"
    before = measured(net, options, images[48:])[name].mean()
    optimizer, noise = torch.optim.Adam(net.features.parameters(), 0.01), Noise(seeded(3))
    net.train()
    for step in range(60):
        given = replace(batch(8), images=images[(torch.arange(8) + 8 * step) % 48])
        optimizer.zero_grad()
        two_step.loss(Models(net), given, {"contrast"}, options, noise)["contrast"].mean().backward()
        optimizer.step()
    after = measured(net, options, images[48:])[name].mean()
    assert after > before + 30, (before, after)
