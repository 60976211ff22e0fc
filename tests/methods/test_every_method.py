"""What every method must keep; a new file of their folder is tested here the moment it exists."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from packs import ATTRIBUTES, with_angle
from packs import DATASET as BLOCKS

from landmarklib import methods
from landmarklib.core import coords, heatmaps
from landmarklib.core.errors import UserError
from landmarklib.core.method import Method, Models, Prediction
from landmarklib.core.noise import Noise
from landmarklib.core.types import NO_CLASS, Batch
from landmarklib.nets import forms
from landmarklib.training import autotune, prediction

SIZE = 16
DATASET = replace(BLOCKS, pixel_names=("dark", "bright"))
SMALL = {
    "kernel": 5,
    "depth": 2,
    "width": 4,
    "kernels": [3, 2, 2],
    "widths": [4, 6, 8],
    "n_landmarks": 5,
    "attributes": ATTRIBUTES,
    "stem": [4, 2, 2],
    "modules": [1, 1, 1],
    "bottlenecks": [1, 4],
    "painter": 4,
}

B, N_LABELLED = 6, 4

every_method = pytest.mark.parametrize("name", methods.names())
every_term = pytest.mark.parametrize(
    "name, term", [(name, term) for name in methods.names() for term in methods.get(name).terms]
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_options(name: str) -> dict:
    options = methods.get(name).options
    return {**options, **{key: value for key, value in SMALL.items() if key in options}}


def build(name: str, seed: int = 0, size: int = SIZE) -> torch.nn.Module:
    return methods.get(name).build(DATASET, size, small_options(name), seeded(seed))


def batch_of(n_labelled: int = N_LABELLED, size: int = SIZE) -> Batch:
    generator = seeded(1)
    labelled = torch.arange(B) < n_labelled
    points = 1.6 * torch.rand(B, 5, 2, generator=generator) - 0.8
    images = torch.rand(B, 1, size, size, generator=generator)
    return Batch(
        images=images,
        points=points.where(labelled[:, None, None], torch.nan),
        visible=labelled[:, None].expand(B, 5).clone(),
        attributes=torch.stack([torch.arange(B).float(), torch.linspace(-1, 1, B)], -1),
        n_labelled=n_labelled,
        pixel_classes=(images[:, 0] > 0.5).byte().where(labelled[:, None, None], NO_CLASS),
    )


def given_to(name: str, batch: Batch) -> torch.Tensor:
    """What the method predicts from."""
    return batch.images if methods.get(name).input == "images" else batch.points


def loss_of(name: str, terms: set[str], batch: Batch, module: torch.nn.Module | None = None) -> dict:
    models = Models(module or build(name), build(name, 1).eval())
    return methods.get(name).loss(models, batch, terms, small_options(name), Noise(seeded(2)))


def takes(name: str, term: str) -> str:
    """Which images the term is formed on: labelled, unlabelled or all."""
    return methods.get(name).terms[term].takes(small_options(name))


def n_counted(name: str, term: str, n_labelled: int) -> int:
    """How many values a term has."""
    return {"labelled": n_labelled, "unlabelled": B - n_labelled, "all": B}[takes(name, term)]


def test_an_unknown_name_is_refused_with_the_known_ones():
    assert methods.names()
    with pytest.raises(UserError, match="'no-such'") as refusal:
        methods.get("no-such")
    assert all(name in str(refusal.value) for name in methods.names())


@every_method
def test_parts_of_a_method_fit_together(name):
    method, module = methods.get(name), build(name)
    assert isinstance(method, Method) and method.name == name and method.terms
    assert set(method.shape) <= set(method.options)
    assert {term.all_if for term in method.terms.values()} - {""} <= set(method.options)
    assert list(module.get_submodule(method.costly).parameters())
    for path in method.groups.values():
        assert list(module.get_submodule(path).parameters())


@every_method
def test_a_term_that_an_option_makes_take_all_images_does(name):
    method, module = methods.get(name), build(name)
    for term, spec in method.terms.items():
        if spec.all_if:
            options = {**small_options(name), spec.all_if: True}
            values = method.loss(Models(module), batch_of(), {term}, options, Noise(seeded(2)))[term]
            assert spec.takes(options) == "all" and values.shape == (B,) and values.isfinite().all()


@every_method
def test_same_generator_builds_the_same_module_and_leaves_the_global_one_alone(name):
    before = torch.get_rng_state()
    first, same, other = (build(name, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.keys() == same.keys() and all(torch.equal(first[k], same[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@every_method
def test_losses_are_decided_by_the_given_generator_alone(name):
    terms, module = set(methods.get(name).terms), build(name)
    first = loss_of(name, terms, batch_of(), module)
    torch.rand(3)
    again = loss_of(name, terms, batch_of(), module)
    for term in terms:
        assert torch.equal(first[term], again[term])


@every_method
def test_only_the_terms_asked_for_are_computed(name):
    known = list(methods.get(name).terms)
    sizes = {1, 2, len(known)}  # each alone, beside each other one, and all: more is 2**n steps and tells no more
    for terms in (set(c) for n in sizes for c in itertools.combinations(known, n)):
        assert set(loss_of(name, terms, batch_of())) == terms


@every_term
@pytest.mark.parametrize("size", [16, 32])
def test_every_term_is_finite_and_trains_the_network(name, term, size):
    batch, module = batch_of(size=size), build(name, size=size)
    values = loss_of(name, {term}, batch, module)[term]
    assert values.shape == (n_counted(name, term, N_LABELLED),)
    assert values.isfinite().all() and (values > 0).all()
    values.mean().backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)
    # From points, a term has a branch of its own and nothing before it.
    sees_images = methods.get(name).input == "images"
    assert any(g.any() for g in ([next(module.parameters()).grad] if sees_images else gradients))


@every_method
def test_how_fast_its_costly_part_is_can_be_measured(name):
    options = {**small_options(name), "attributes": ["expression", "camera"]}
    shape = tuple((key, options[key]) for key in methods.get(name).shape)
    dataset = "helen_parsing" if methods.get(name).pixelwise else "multipie"
    found = autotune.measure(autotune.Network(dataset, name, SIZE, shape, "float32"), "cpu")
    assert found.form == found.inference_form and (name != "from_points" or found.form == str(forms.LITERAL))


@every_term
def test_no_term_sees_the_points_of_unlabelled_images(name, term):
    batch = batch_of()
    assert batch.points[N_LABELLED:].isnan().all()
    values = loss_of(name, {term}, batch)[term]
    assert values.isfinite().all()
    assert len(values) == n_counted(name, term, N_LABELLED)


@every_term
def test_terms_that_need_no_labels_do_without_and_the_others_give_nothing(name, term):
    module = build(name)
    values = loss_of(name, {term}, batch_of(n_labelled=0), module)[term]
    assert len(values) == n_counted(name, term, 0)
    values.sum().backward()
    trains = any(p.grad is not None and p.grad.any() for p in module.parameters())
    assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)
    assert trains == (values.sum().item() > 0) == (takes(name, term) != "labelled")


@every_method
def test_a_step_without_unlabelled_images_is_finite(name):
    terms = {term for term in methods.get(name).terms if takes(name, term) != "unlabelled"}
    for values in loss_of(name, terms, batch_of(n_labelled=B)).values():
        assert values.shape == (B,) and values.isfinite().all()


@every_method
@pytest.mark.parametrize("size", [16, 32])
def test_predictions_have_their_shapes(name, size):
    inputs = given_to(name, batch_of(size=size))
    module = build(name, size=size).eval()
    found = methods.get(name).predict(module, inputs, small_options(name))
    assert isinstance(found, Prediction)
    reads = "attributes" in small_options(name)
    assert [head.shape for head in found.attributes] == [(B, 15), (B, 1)] * reads
    one_by_one = [methods.get(name).predict(module, one[None], small_options(name)) for one in inputs]
    for i, head in enumerate(found.attributes):
        assert torch.allclose(torch.cat([one.attributes[i] for one in one_by_one]), head, atol=1e-4)
    if methods.get(name).pixelwise:
        assert found.pixel_logits.shape == (B, 2, size, size) and found.pixel_logits.isfinite().all()
    if found.points is None:
        assert found.maps is None
        return
    n_points = 5 if methods.get(name).named else small_options(name)["n_landmarks"]
    assert found.points.shape == (B, n_points, 2) and found.points.isfinite().all()
    if found.maps is not None:
        assert found.maps.shape[:2] == (B, n_points) and found.maps.shape[2] == found.maps.shape[3] <= size
        assert coords.inside(found.points).all()
    assert torch.allclose(torch.cat([one.points for one in one_by_one]), found.points, atol=1e-4)


def test_heatmap_mt_reads_its_points_as_its_decoder_says():
    module, images = build("heatmap_mt").eval(), batch_of().images
    for decoder, read in (("softmax", heatmaps.argmax), ("soft-argmax", heatmaps.soft_argmax)):
        found = methods.get("heatmap_mt").predict(module, images, {**small_options("heatmap_mt"), "decoder": decoder})
        assert torch.equal(found.points, read(found.maps))


def test_seq_mt_reads_the_class_from_nothing_but_the_points():
    module, images = build("seq_mt").eval(), batch_of().images
    found = methods.get("seq_mt").predict(module, images, small_options("seq_mt"))
    assert torch.equal(found.points, heatmaps.soft_argmax(found.maps, 10.0))
    assert torch.equal(found.attributes[0], module.head(found.points.flatten(1))[0])


def test_point_noise_of_seq_mt_reaches_the_class_term_alone():
    module, options = build("seq_mt").eval(), small_options("seq_mt")
    quiet, noisy = (
        methods.get("seq_mt").loss(
            Models(module), batch_of(), {"landmarks", "classes"}, {**options, "point_noise": s}, Noise(seeded())
        )
        for s in (0.0, 0.1)
    )
    assert torch.equal(quiet["landmarks"], noisy["landmarks"])
    assert (quiet["classes"] - noisy["classes"]).abs().min() > 0


@every_method
def test_predictions_of_a_split_are_in_pixels(name):
    a = with_angle(5, 1, SIZE)
    module = build(name)
    method, options = methods.get(name), small_options(name)
    found = prediction.predict(module, method, prediction.inputs(method, a), options, torch.device("cpu"), batch=2)
    assert found.attributes is None if "attributes" not in small_options(name) else found.attributes.shape == (5, 2)
    assert (found.points is None) == (method.pixelwise or prediction.inputs(method, a) is not a.images)
    assert method.pixelwise == (found.pixel_classes is not None and found.pixel_classes.shape == (5, SIZE, SIZE))
    if found.points is None:
        return
    images = torch.from_numpy(a.images).float() / 255
    expected = method.predict(module, images, options).points.detach()
    assert np.allclose(found.points, (expected.numpy() + 1) * SIZE / 2 - 0.5, atol=1e-3)


@every_method
def test_what_a_method_measures_needs_no_annotations_and_is_finite(name):
    method, module = methods.get(name), build(name)
    found = prediction.measured(module, method, with_angle(5, 1, SIZE).images, small_options(name), torch.device("cpu"))
    assert bool(found) == (method.measure is not None)
    assert all(values.shape == (5,) and np.isfinite(values).all() for values in found.values())
    again = prediction.measured(module, method, with_angle(5, 1, SIZE).images, small_options(name), torch.device("cpu"))
    assert all(np.array_equal(values, again[metric]) for metric, values in found.items())
