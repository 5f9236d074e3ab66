#!/usr/bin/env python3
"""A simulated bench of microring weight banks: an example of a driver, and a device to try things out with.

    bench.py ring1=64x32 ring2=32x10                over its standard input and output
    bench.py --tcp 5555 ring1=64x32 ring2=32x10     over TCP on this machine, one client after the other

A layer NAME=INPUTSxOUTPUTS reads y = G (W x + noise) + b of its inputs x, with W = 1 - 2 / (1 + ((detuning + offset) / g)^2),
g = 0.15 nm, as a `ring-dense` layer with default keys does. The offsets are the bench's secret; the seed fixes them.
PROTOCOL.md beside this file describes what is said. Needs numpy.
"""

import argparse
import json
import math
import socket
import sys
import time

import numpy as np

HALF_WIDTH = 0.15  # nm


class Bank:
    """One layer: a ring for every weight, an offset of its resonance for every ring."""

    def __init__(self, name, inputs, outputs, rng, options):
        rings = [outputs, inputs]
        self.offset = rng.normal(0, options.fabrication, rings)
        self.noise = options.noise
        parameters = [
            {"name": "detuning", "shape": rings, "unit": "nm", "limits": [0, 1]},
            {"name": "bias", "shape": [outputs], "unit": "", "limits": [None, None]},
        ]
        if options.gain:
            parameters.append({"name": "gain", "shape": [1], "unit": "", "limits": [0, None]})
        self.hello = {"name": name, "inputs": inputs, "outputs": outputs, "parameters": parameters}

    def measure(self, set_to, x, rng):
        """Outputs [rows, outputs] for inputs [rows, inputs]."""
        weight = 1 - 2 / (1 + ((set_to["detuning"] + self.offset) / HALF_WIDTH) ** 2)
        light = x @ weight.T
        if self.noise > 0:
            light += rng.normal(0, self.noise, light.shape)
        return set_to.get("gain", 1.0) * light + set_to["bias"]


def read_array(stream, shape):
    data = stream.read(4 * math.prod(shape))
    if len(data) < 4 * math.prod(shape):
        raise EOFError
    return np.frombuffer(data, "<f4").reshape(shape).astype(np.float64)


def serve(receive, send, banks, rng, options):
    """Answers until the other side leaves."""
    while line := receive.readline(65536):
        header, array = json.loads(line), b""
        if header["type"] == "hello":
            layers = [bank.hello for bank in banks.values()]
            answer = {"type": "hello", "protocol": 1, "name": f"simulated rings, seed {options.seed}"}
            answer |= {"settle_seconds": options.settle, "layers": layers}
        elif header["type"] == "measure":
            # All that was sent is read before anything is answered.
            set_to = {one["name"]: read_array(receive, one["shape"]) for one in header["parameters"]}
            x = read_array(receive, header["inputs"])
            if bank := banks.get(header["layer"]):
                time.sleep(options.settle)
                y = bank.measure(set_to, x, rng)
                answer, array = {"type": "outputs", "shape": y.shape}, y.astype("<f4").tobytes()
            else:
                answer = {"type": "error", "message": f"there is no layer {header['layer']}"}
        else:
            answer = {"type": "error", "message": f"cannot {header['type']}"}
        send.write(json.dumps(answer).encode() + b"\n" + array)
        send.flush()


def layer(text):
    name, sizes = text.split("=")
    inputs, outputs = map(int, sizes.split("x"))
    return name, inputs, outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="+", type=layer, metavar="NAME=INPUTSxOUTPUTS", help="a layer that is played")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="listen at this port, 0: at a free one, which is printed")
    parser.add_argument("--seed", type=int, default=0, help="which bench this is")
    parser.add_argument("--fabrication", type=float, default=0, metavar="NM", help="standard deviation of the offsets, nm")
    parser.add_argument("--noise", type=float, default=0, help="standard deviation of each reading, before the gain")
    parser.add_argument("--gain", action="store_true", help="layers have a parameter `gain`")
    parser.add_argument("--settle", type=float, default=0, metavar="S", help="time that the heaters take, s")
    options = parser.parse_intermixed_args()
    built, noise = np.random.default_rng(options.seed), np.random.default_rng()
    banks = {name: Bank(name, inputs, outputs, built, options) for name, inputs, outputs in options.layers}
    if options.tcp is None:
        return serve(sys.stdin.buffer, sys.stdout.buffer, banks, noise, options)
    with socket.create_server(("127.0.0.1", options.tcp)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                with client, client.makefile("rb") as receive, client.makefile("wb") as send:
                    serve(receive, send, banks, noise, options)
            except (EOFError, OSError, ValueError, KeyError) as error:
                print(f"a client left in the middle: {error!r}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
