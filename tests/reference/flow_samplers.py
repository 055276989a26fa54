#!/usr/bin/env python3
"""Adds to the case `samplers` what solvers do on the noise levels of a flow: those that diffusers has, with its flow sigmas,
and the ancestral ones as ComfyUI publishes them for such models.

    pip install torch diffusers scipy
    python flow_samplers.py
"""
import json, os
import torch
from diffusers import (DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, FlowMatchEulerDiscreteScheduler,
    FlowMatchLCMScheduler, UniPCMultistepScheduler)

CASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samplers/case.json")
STEPS, START = 7, torch.tensor([-1.5, -0.5, 0.5, 1.5]).reshape(1, 1, 2, 2)
FLOW = dict(use_flow_sigmas=True, prediction_type="flow_prediction")
SOLVERS = {
    "dpmpp-2m": lambda: DPMSolverMultistepScheduler(**FLOW),
    "dpmpp-2m-sde": lambda: DPMSolverMultistepScheduler(**FLOW, algorithm_type="sde-dpmsolver++"),
    "dpmpp-sde": lambda: DPMSolverSinglestepScheduler(**FLOW, lower_order_final=True),
    "unipc": lambda: UniPCMultistepScheduler(**FLOW),
    "lcm": lambda: FlowMatchLCMScheduler(),
}
TRACE = 1e-6  # what UniPC of diffusers takes from a first level of 1


def network(sample, time): return sample * (time / (time + 200))


class Noise:
    """Draws as the pipelines of diffusers do, and remembers."""
    def __init__(self): self.generator, self.drawn = torch.Generator().manual_seed(0), []
    def draw(self):
        self.drawn.append(torch.randn(START.shape, generator=self.generator))
        return self.drawn[-1]


def solve(name, levels, times, noise):
    """Runs a scheduler of diffusers on given levels."""
    solver = SOLVERS[name]()
    if name == "lcm": solver.set_timesteps(sigmas=levels.tolist())
    else:
        solver.set_timesteps(STEPS)
        levels = levels.clone(); levels[0] = min(levels[0].item(), 1 - TRACE)
    solver.sigmas, solver.timesteps = torch.cat([levels, torch.zeros(1)]), times
    solver.set_begin_index(0)
    sample, latents, before = START, [], noise.generator.get_state()
    random = {} if name == "unipc" else {"generator": noise.generator}
    for time in times:
        sample = solver.step(network(sample, time), time, sample, **random).prev_sample
        latents.append(sample)
    # The scheduler drew from the same generator; draw again to know what.
    if name in ("lcm", "dpmpp-2m-sde"):
        noise.generator.set_state(before)
        for _ in times: noise.draw()
    return times, latents


def ancestral(two_calls, levels, noise):
    """`sample_euler_ancestral_RF` and `sample_dpm_2_ancestral_RF` of ComfyUI."""
    sample, times, latents = START, [], []
    def call(level):
        times.append(level * 1000)
        return network(sample, level * 1000)
    for level, after in zip(levels, torch.cat([levels[1:], torch.zeros(1)])):
        down = after * (1 + (after / level - 1))
        start, direction = sample, call(level)
        if after == 0:
            if not two_calls: noise.draw()  # as diffusers' ancestral Euler, which adds none of it
            latents.append(start + direction * -level)
            break
        if two_calls:
            middle = (level.log() + down.log()).mul(.5).exp()
            sample = start + direction * (middle - level); latents.append(sample)
            direction = call(middle)
        kept = (1 - after) / (1 - down)
        fresh = (after ** 2 - down ** 2 * kept ** 2) ** .5
        sample = kept * (start + direction * (down - level)) + fresh * noise.draw(); latents.append(sample)
    return torch.stack(times), latents


def main():
    with open(CASE) as file: runs = json.load(file)["runs"]
    names = [*SOLVERS, "euler-ancestral", "dpm2-ancestral"]
    runs = [r for r in runs if not (r["scheduler"]["_class_name"].startswith("Flow") and r["sampler"] in names)]
    for settings, schedule, logarithm in (({"shift": 3.0}, "normal", None), ({"use_dynamic_shifting": True}, "normal", .8),
            ({"shift": 3.0, "use_karras_sigmas": True}, "karras", None)):
        scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, **settings}
        flow = FlowMatchEulerDiscreteScheduler.from_config(scheduler)
        flow.set_timesteps(STEPS, mu=logarithm)
        for name in names:
            noise, levels = Noise(), flow.sigmas[:-1]
            if name in SOLVERS: times, latents = solve(name, levels, flow.timesteps, noise)
            else: times, latents = ancestral(name == "dpm2-ancestral", levels, noise)
            numbers = lambda t: [round(v, 7) for v in t.flatten().tolist()]
            runs.append(dict(scheduler=scheduler, sampler=name, schedule=schedule, steps=STEPS, logarithm=logarithm,
                initial_scale=1.0, timesteps=times.tolist(), drawn=[d.flatten().tolist() for d in noise.drawn],
                latents=[numbers(l) for l in latents]))
            assert all(torch.isfinite(l).all() for l in latents), name
    with open(CASE, "w") as file:
        file.write('{"runs": [\n' + ",\n".join(json.dumps(r) for r in runs) + "\n]}\n")


main()
