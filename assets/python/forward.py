#!/usr/bin/env python3
"""Logits, or images, of an exported network, in numpy, and how far they are from what `flatlight predict` wrote.

    flatlight predict RUN --input X.npy --output Y.npy
    flatlight export RUN --to EXPORT
    python3 assets/python/forward.py EXPORT X.npy Y.npy RUN/checkpoint.safetensors

Needs numpy and safetensors. Exits with 1 where an output is off by more than 1e-5 of the largest, or where the checkpoint
and the export differ.
"""

import json
import pathlib
import sys

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load_file


def prepare(x, own):
    """Raw samples as the run prepares them, before scale and shift."""
    if "preparation" not in own:
        return x
    if "feature" in own["preparation"]:
        feature = own["preparation"]["feature"]
        return x.reshape(len(x), -1) * np.array(feature["scale"]) + np.array(feature["shift"])
    height, width, count = (own["preparation"]["fourier"][key] for key in ("height", "width", "coefficients"))
    spectrum = np.fft.fftshift(np.fft.fft2(x.reshape(-1, height, width)), axes=(1, 2))
    top, left = height // 2 - count // 2, width // 2 - count // 2
    spectrum = spectrum[:, top : top + count, left : left + count].reshape(len(x), -1)
    power = (np.abs(spectrum) ** 2).sum(1, keepdims=True)
    spectrum = spectrum / np.sqrt(np.where(power > 0, power, 1))
    return np.stack([spectrum.real, spectrum.imag], -1)


def image(x, shape):
    """Samples as [samples, channels, height, width]."""
    return x.reshape(len(x), *([1] * (3 - len(shape))), *shape)


def windows(x, side, stride):
    """Square windows [samples, channels, rows, columns, side, side]."""
    return sliding_window_view(x, (side, side), axis=(2, 3))[:, :, ::stride, ::stride]


def shortcut(source, shape):
    """What an earlier layer put out, for samples of a shape: means of windows, and channels of zeros behind its own."""
    planes = lambda shape: (*shape, 1, 1)[:3] if len(shape) < 2 else (1, *shape)[-3:]
    if list(source.shape[1:]) == shape:
        return source
    source, (channels, height, width) = source.reshape(len(source), *planes(source.shape[1:])), planes(shape)
    side = source.shape[2] // height
    source = source.reshape(len(source), -1, height, side, width, side).mean((3, 5))
    return np.pad(source, ((0, 0), (0, channels - source.shape[1]), (0, 0), (0, 0))).reshape(len(source), *shape)


def normalise(x, layer, array):
    shape = layer["input"]
    channels = shape[0] if len(shape) == 3 else 1 if len(shape) == 2 else shape[0]
    x = x.reshape(len(x), channels, -1)
    if layer["type"] == "batch-norm":
        mean, variance = array("mean")[:, None], array("variance")[:, None]
    elif layer["type"] == "layer-norm":
        mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    else:
        groups = x.reshape(len(x), layer["groups"], -1)
        each = channels // layer["groups"]
        mean = groups.mean(2).repeat(each, 1)[:, :, None]
        variance = groups.var(2).repeat(each, 1)[:, :, None]
    return array("gamma")[:, None] * (x - mean) / np.sqrt(variance + layer["epsilon"]) + array("beta")[:, None]


def read(y, layer, array):
    """The nearest of 2^bits levels from -full_scale to full_scale, amplified."""
    if "adc_bits" in layer:
        top, full_scale = 2 ** layer["adc_bits"] - 1, layer["full_scale"]
        step = 2 * full_scale / top
        y = step * np.clip(np.floor((y + full_scale) / step + 0.5), 0, top) - full_scale
    return y * array("gain") if "gain" in layer["arrays"] else y


def columns(layout, modes):
    """The upper mode of every interferometer of each column, in the order that light meets the columns."""
    if layout == "clements":
        return [np.arange(column % 2, modes - 1, 2) for column in range(modes)]
    return [np.arange(abs(column - (modes - 2)), modes - 1, 2) for column in range(2 * modes - 3)]


def mesh(x, layer, array):
    """Light behind a mesh, as `flatlight mesh --help` has it, and what is read of it."""
    light = x[..., 0] + 1j * x[..., 1] if layer["takes"] == "field" else x.reshape(len(x), -1)
    field = np.zeros((len(x), layer["modes"]), complex)
    field[:, : light.shape[1]] = light
    # A reference beam, if there is one, in the mode behind the inputs.
    field[:, light.shape[1] : light.shape[1] + 1] = layer["reference_beam"]
    theta, phi = array("theta"), array("phi")
    # Amplitudes that the arm with theta and the other one let through.
    loss, half = layer["insertion_loss"], layer["loss_unbalance"] / 2
    through, other = (10 ** (-max(decibel, 0) / 20) for decibel in (loss + half, loss - half))
    for upper in columns(layer["layout"], layer["modes"]):
        (inner, theta), (outer, phi) = np.split(theta, [len(upper)]), np.split(phi, [len(upper)])
        above, below = field[:, upper] * np.exp(1j * outer), field[:, upper + 1]
        # Between couplers that split evenly.
        above, below = through * np.exp(1j * inner) * (above + 1j * below), other * (1j * above + below)
        field[:, upper], field[:, upper + 1] = (above + 1j * below) / 2, (1j * above + below) / 2
    field = field * np.exp(1j * array("gamma"))
    if layer["gives"] == "field":
        return np.stack([field.real, field.imag], -1)
    reading = np.abs(field) ** 2 if layer["gives"] == "power" else np.abs(field)
    if layer["unit_norm"]:
        reading = reading / np.maximum(np.sqrt((reading**2).sum(1, keepdims=True)), 1e-12)
    return read(reading[:, : layer["output"][0]], layer, array)


def attenuate(x, layer, array):
    """Fields behind attenuators; modes that have none are dark."""
    out, transmission = np.zeros((len(x), *layer["output"])), array("transmission")
    out[:, : len(transmission)] = x[:, : len(transmission)] * transmission[:, None]
    return out


def show(x, layer):
    """Fields of pictures [samples, rows, columns] in the middle of a dark grid, bilinear with half-pixel centres."""
    field = np.zeros((len(x), *layer["grid"]), complex)
    places = []
    for n, extent, grid in zip(x.shape[1:], layer["picture"], layer["grid"]):
        at = np.clip((np.arange(extent) + 0.5) * n / extent - 0.5, 0, n - 1)
        first = (grid - extent) // 2
        places.append((slice(first, first + extent), np.maximum(1 - np.abs(at[:, None] - np.arange(n)), 0)))
    (rows, down), (columns, across) = places
    shown = down @ x @ across.T
    field[:, rows, columns] = np.sqrt(shown) if layer["shows"] == "intensity" else shown
    return field


def propagate(field, layer, wavelength, z):
    """Fields behind a distance: angular spectrum or Fresnel, in a window of zeros, the phase of the plane wave left out."""
    size, pitch = field.shape[1:], layer["pitch"]
    window = [layer["padding"] * n for n in size]
    exact = layer["propagation"] == "angular-spectrum"
    y, x = (np.fft.fftfreq(n, pitch) ** 2 for n in window)
    y, x = y[:, None], x[None, :]
    u = wavelength**2 * (x + y)
    turns = -z / wavelength * (u / (1 + np.sqrt(np.maximum(1 - u, 0))) if exact else u / 2)
    passes = u < 1
    for along, across, n in ((x, y, window[1]), (y, x, window[0])) if layer["band_limit"] and z else ():
        tangent, cross = 2 * abs(z) / (n * pitch), wavelength**2 if exact else 0
        passes = passes & (along * wavelength**2 * (tangent**2 + exact) + across * cross <= 1)
    spectrum = np.fft.fft2(field, window) * (np.exp(2j * np.pi * turns) if z else 1) * (passes if z else 1)
    return np.fft.ifft2(spectrum)[:, : size[0], : size[1]]


def camera(field, layer, wavelength, array):
    """Intensity behind all planes, at one wavelength. Phases of masks are those at the layer's own."""
    y, x = ((np.arange(n) - (n - 1) / 2) * layer["pitch"] for n in layer["grid"])
    square = y[:, None] ** 2 + x**2
    for plane in layer["planes"]:
        field = propagate(field, layer, wavelength, plane["distance"])
        if "array" in plane:
            mask, fill = array(plane["array"]), plane.get("fill_factor", 1)
            mask = np.exp(1j * mask * layer["wavelength"] / wavelength) if plane["mask"] == "phase" else mask
            field = field * (fill * mask + 1 - fill)
        if "lens" in plane:
            field = field * np.exp(-1j * np.pi * square / (wavelength * plane["lens"]))
        if "aperture" in plane:
            field = field * (4 * square <= plane["aperture"] ** 2)
        if "threshold" in plane:
            intensity = np.abs(field) ** 2
            left = np.maximum(intensity - plane["threshold"] * intensity.mean((1, 2), keepdims=True), 0)
            field = field * np.sqrt(left / np.where(intensity > 0, intensity, 1))
    return np.abs(propagate(field, layer, wavelength, layer["distance"])) ** 2


def free_space(x, layer, array):
    """What detectors read of light behind all planes."""
    shown = show(x.reshape(len(x), *layer["input"][-2:]), layer)
    lines = layer["lines"]
    intensity = sum(camera(np.sqrt(line["share"]) * shown, layer, line["wavelength"], array) for line in lines)
    light = [intensity[:, top : top + rows, left : left + columns].sum((1, 2)) for top, left, rows, columns in layer["regions"]]
    light = np.stack(light, -1)
    total = light.sum(1, keepdims=True) if layer["shares"] else 1
    return read(light / np.where(total == 0, 1, total), layer, array)


def forward(manifest, arrays, x):
    own = manifest["input"]
    # One number, or one of each channel.
    scale, shift = (np.reshape(own[key], [-1] + [1] * (len(own["shape"]) - 1)) for key in ("scale", "shift"))
    x = prepare(x, own).reshape(len(x), *own["shape"]) * scale + shift
    outputs = {}
    for layer in manifest["layers"]:
        kind = layer["type"]
        array = lambda name: arrays[f"{layer['name']}.{name}"].astype(np.float64)
        bias = array("bias") if "bias" in layer["arrays"] else 0.0
        if kind in ("ring-dense", "multiplier", "dense"):
            x = read(x.reshape(len(x), -1) @ array("weight").T, layer, array) + bias
        elif kind in ("ring-convolution", "convolution"):
            side, edge = layer["kernel"], layer["padding"]
            x = np.pad(image(x, layer["input"]), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
            taps = array("weight").reshape(-1, x.shape[1], side, side)
            x = read(np.einsum("bcijkl,ockl->boij", windows(x, side, layer["stride"]), taps), layer, array)
            x = x + np.reshape(bias, (-1, 1, 1))
        elif kind == "mesh":
            x = mesh(x, layer, array)
        elif kind == "attenuators":
            x = attenuate(x, layer, array)
        elif kind == "free-space":
            x = free_space(x, layer, array)
        elif kind in ("max-pool", "average-pool"):
            seen = image(x, layer["input"])
            whole = layer["window"] == "all"
            seen = seen[:, :, None, None] if whole else windows(seen, layer["window"], layer["stride"])
            x = seen.max((4, 5)) if kind == "max-pool" else seen.mean((4, 5))
        elif kind == "upsample":
            x = image(x, layer["input"]).repeat(layer["factor"], 2).repeat(layer["factor"], 3)
        elif kind in ("batch-norm", "layer-norm", "group-norm"):
            x = normalise(x, layer, array)
        elif kind == "add":
            x = x + shortcut(outputs[layer["of"]], layer["input"])
        elif kind == "latent":
            # Means, and behind them logarithms of variances: inference takes the means.
            x = x.reshape(len(x), -1)[:, : layer["output"][0]]
        elif kind in FUNCTIONS:
            x = FUNCTIONS[kind](x)
        else:
            sys.exit(f"error: layer type {kind} is unknown here")
        x = outputs[layer["name"]] = x.reshape(len(x), *layer["output"])
    return x


FUNCTIONS = {"reshape": lambda x: x, "relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh}


def main(export, samples, logits, checkpoint):
    folder = pathlib.Path(export)
    manifest = json.loads((folder / "manifest.json").read_text())
    arrays = np.load(folder / manifest["archive"])
    for entry in manifest["arrays"]:
        assert list(arrays[entry["name"]].shape) == entry["shape"], entry["name"]
        if "table" in entry:
            table = np.loadtxt(folder / entry["table"], delimiter=",", dtype=np.float32, ndmin=2)
            assert (table == arrays[entry["name"]]).all(), entry["table"]

    # The checkpoint holds what was set. Behind a converter or crosstalk, or of the levels of a mask, a detuning or a phase is
    # another one, and phases are set to within a turn.
    moved = lambda layer: layer.get("dac_bits") or layer.get("crosstalk") or any("bits" in at for at in layer.get("planes", []))
    behind = {layer["name"] for layer in manifest["layers"] if moved(layer)}
    for name, tensor in load_file(checkpoint).items():
        unit = next((entry["unit"] for entry in manifest["arrays"] if entry["name"] == name), None)
        if unit is None or name.split(".")[0] in behind and unit in ("nm", "rad"):
            continue
        apart = tensor - arrays[name]
        assert (np.abs(np.exp(1j * apart) - 1) < 1e-5 if unit == "rad" else apart == 0).all(), name

    own, device = forward(manifest, arrays, np.load(samples).astype(np.float64)), np.load(logits)
    own = own.reshape(device.shape)
    worst = np.abs(own - device).max() / np.abs(own).max()
    print(f"{len(own)} samples: the largest difference is {worst:.1e} of the largest output")
    return int(not worst <= 1e-5)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__.strip())
    sys.exit(main(*sys.argv[1:]))
