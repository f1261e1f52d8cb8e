"""wav2vec 2.0 gives what transformers gives, from every kind of folder that is published."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
)

from genreflow.errors import GenreflowError
from genreflow.models.wav2vec2 import wav2vec2

torch.set_num_threads(1)

SMALL = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 64, "conv_dim": [16] * 7},
    **{"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4},
}
# What else the model for pre-training has.
QUANTIZER = {"codevector_dim": 8, "proj_codevector_dim": 8, "num_codevectors_per_group": 4}
WAVEFORMS = ((16000,),)


def made(n_outputs=3, **parameters):
    torch.manual_seed(0)
    return wav2vec2(WAVEFORMS, n_outputs, config=SMALL, **parameters)


def published(kind=Wav2Vec2Model, **config):
    torch.manual_seed(1)
    return kind(Wav2Vec2Config(**(SMALL | QUANTIZER | config))).eval()


def sounds(n=2, samples=16000, scale=0.1):
    draw = np.random.default_rng(0)
    return (scale * draw.standard_normal((n, samples)) + 0.3).astype(np.float32)


def by_transformers(model, x):
    """The mean over time, by transformers' own processor and forward."""
    processor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False)
    prepared = processor(list(x), sampling_rate=16000, return_tensors="pt").input_values
    with torch.inference_mode():
        return model(prepared).last_hidden_state.mean(dim=1)


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("kind", [Wav2Vec2Model, Wav2Vec2ForPreTraining, Wav2Vec2ForCTC])
def test_a_published_folder_gives_transformers_numbers(kind, safe, tmp_path):
    model = published(kind)
    save(model, tmp_path, safe)
    module = made().eval()
    before = [value.clone() for value in module.classifier.parameters()]
    module.load_pretrained(str(tmp_path))
    x = sounds()
    expected = by_transformers(getattr(model, "wav2vec2", model), x)
    with torch.inference_mode():
        found = module(torch.from_numpy(x))
        assert expected.std() > 0.01
        torch.testing.assert_close(found, module.classifier(expected), rtol=1e-4, atol=1e-5)
    after = list(module.classifier.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    # What transformers itself reads from the folder is the same, too.
    own = Wav2Vec2Model.from_pretrained(tmp_path, local_files_only=True).state_dict()
    for key, value in module.encoder.state_dict().items():
        assert torch.equal(value, own[key]), key


def save(model, folder, safe):
    """As transformers saves today, or as it did when facebook/wav2vec2-base was published."""
    model.save_pretrained(folder)
    if safe:
        return
    new = "parametrizations.weight.original"
    state = {
        key.replace(f"{new}0", "weight_g").replace(f"{new}1", "weight_v"): value
        for key, value in model.state_dict().items()
    }
    assert any(key.endswith("pos_conv_embed.conv.weight_g") for key in state)
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folder / "model.safetensors").unlink()


def test_models_without_normalisation_over_time_are_given_what_they_were_trained_on(tmp_path):
    # Where the first convolution is normalised over time, as in the base model, it takes offset
    # and scale away by itself.
    large = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
    model = published(**large)
    model.save_pretrained(tmp_path)
    module = wav2vec2(WAVEFORMS, 3, config=SMALL | large).eval()
    module.load_pretrained(str(tmp_path))
    x = sounds()
    with torch.inference_mode():
        found, expected = module(torch.from_numpy(x)), module.classifier(by_transformers(model, x))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_default_is_the_base_model():
    with torch.device("meta"):
        module = wav2vec2(
            ((80000,),),
            10,
            head_layers=[256, "batch_norm", {"dropout": 0.3}, 128, "batch_norm", {"dropout": 0.2}],
        )
    # The paper's 95 million; facebook/wav2vec2-base's 94,371,712 have the mask's vector, too.
    assert sum(value.numel() for value in module.encoder.parameters()) == 94_371_712 - 768
    widths = [layer.out_features for layer in module.classifier if hasattr(layer, "out_features")]
    assert widths == [256, 128, 10]
    assert module.classifier[0].in_features == 768
    assert module.head == ("classifier",)


def test_scale_and_offset_of_a_waveform_do_not_matter():
    module = made().eval()
    x = torch.from_numpy(sounds())
    with torch.inference_mode():
        torch.testing.assert_close(module(x), module(20 * x - 1), rtol=1e-3, atol=1e-4)
        # Each on its own.
        torch.testing.assert_close(module(x)[:1], module(x[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("samples", [400, 16000, 20001])
def test_waveforms_of_any_length_are_taken(samples):
    module = wav2vec2(((samples,),), 3, config=SMALL).eval()
    silence = torch.zeros(2, samples)
    assert module(silence).shape == (2, 3)
    assert module(silence).isfinite().all()


def test_training_follows_from_torchs_seed_alone():
    x = torch.from_numpy(sounds())
    found = []
    for seed_of_numpy in (1, 2):
        np.random.seed(seed_of_numpy)  # noqa: NPY002
        module = made(head_layers=[8, {"dropout": 0.3}]).train()
        torch.manual_seed(5)
        module(x).sum().backward()
        found.append([value.grad for value in module.parameters() if value.grad is not None])
    assert len(found[0]) > 20
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_convolutions_learn_only_when_asked_to(frozen):
    module = made(freeze_feature_encoder=frozen).train()
    module(torch.from_numpy(sounds())).sum().backward()
    convolutions = list(module.encoder.feature_extractor.parameters())
    assert all((value.grad is None) == frozen for value in convolutions)
    assert module.encoder.encoder.layers[0].attention.q_proj.weight.grad is not None


def test_a_model_of_another_architecture_is_refused_with_the_values(tmp_path):
    published(num_hidden_layers=3, conv_bias=True).save_pretrained(tmp_path)
    with pytest.raises(GenreflowError) as error:
        made().load_pretrained(str(tmp_path))
    for word in (str(tmp_path), "num_hidden_layers is 3, not 2", "conv_bias is True, not False"):
        assert word in str(error.value)


def test_a_folder_that_is_no_model_is_told(tmp_path):
    module = made()
    with pytest.raises(GenreflowError, match=r"there is no config\.json"):
        module.load_pretrained(str(tmp_path))
    published().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(GenreflowError, match="there is no such file"):
        module.load_pretrained(str(tmp_path))
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "hubert"}))
    with pytest.raises(GenreflowError, match="of type 'hubert'"):
        module.load_pretrained(str(tmp_path))
    config.write_text("{")
    with pytest.raises(GenreflowError, match=r"config\.json cannot be read"):
        module.load_pretrained(str(tmp_path))


def test_weights_that_lack_a_layer_are_refused(tmp_path):
    model = published()
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    state = model.state_dict()
    del state["encoder.layer_norm.bias"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(GenreflowError, match=r"it lacks: encoder\.layer_norm\.bias$"):
        made().load_pretrained(str(tmp_path))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"config": {"hidden_sise": 32}}, "'hidden_sise' is no part.*did you mean 'hidden_size'"),
        ({"config": {"hidden_size": "wide"}}, "config: .*cannot be used: .*hidden_size"),
        ({"head_layers": ["batchnorm"]}, "'batchnorm' is no layer"),
    ],
)
def test_parameters_that_cannot_be_used_are_told(parameters, message):
    with pytest.raises(GenreflowError, match=message):
        wav2vec2(WAVEFORMS, 3, **{"config": SMALL, **parameters})


@pytest.mark.parametrize("inputs", [57, ((128, 400),), ((399,),), ((16000,), (16000,))])
def test_only_waveforms_are_taken(inputs):
    with pytest.raises(GenreflowError, match="of at least 400 samples at 16 kHz"):
        wav2vec2(inputs, 3, config=SMALL)
