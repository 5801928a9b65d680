"""How often the gate lets candidates pass that are better, equal, worse, miscalibrated, or taught with shuffled labels.

    ./run benchmark gate [--repeats 100] [--people 30 100 300] [--protocol FILE] [--criteria]

Each repeat draws a clinic: gate people, half of them with the condition, and twice as many development people, on whom
the candidate's calibrator and threshold are fitted as a retraining does. What both versions say of a person is drawn
from two correlated binormal models. Everything after that is the gate's own code with the default protocol.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from fgait_core.config.files import load_protocol
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.evaluation.calibration import fit_calibrator
from fgait_core.evaluation.classification import threshold_for_sensitivity
from fgait_core.gate_report import GateReport
from fgait_core.recipes.retraining.gate import GateFacts, report_on
from fgait_core.recipes.retraining.gate_figures import GatePeople, Said

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

SAMPLES = 300
"""Of the bootstrap; the gate itself takes 1,000."""
PROTOCOL = RetrainingProtocol(task="depression")
FACTS = GateFacts("depression", "yes", "0" * 64, "0" * 64, True, 0, 0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A clinic and a candidate.

    Attributes:
        words: what the table calls it.
        gain: AUROC of the candidate less that of production.
        production: AUROC of the version in production.
        correlation: of what the two say of people alike in their condition.
        production_sensitivity: at the threshold that production came with.
        steep: factor on the candidate's log odds after calibration; above 1 is overconfident.
        shift: is added to them.
        shuffled: whether all outcomes of the clinic were shuffled, the gate's too.
        only_recalibrated: whether the candidate ranks people as production does.
        same: whether the candidate is production.
    """

    words: str
    gain: float = 0.0
    production: float = 0.8
    correlation: float = 0.9
    production_sensitivity: float = 0.8
    steep: float = 1.0
    shift: float = 0.0
    shuffled: bool = False
    only_recalibrated: bool = False
    same: bool = False


SCENARIOS = (
    Scenario("production itself", same=True),
    Scenario("equal: recalibrated only", only_recalibrated=True),
    Scenario("equal: another head, correlation 0.9"),
    Scenario("better by 0.03", gain=0.03),
    Scenario("better by 0.10", gain=0.1),
    Scenario("better by 0.10, correlation 0.7", gain=0.1, correlation=0.7),
    Scenario("better by 0.10, production flags nearly everybody", gain=0.1, production_sensitivity=0.97),
    Scenario("better by 0.10, production flags few", gain=0.1, production_sensitivity=0.4),
    Scenario("worse by 0.05", gain=-0.05),
    Scenario("worse by 0.10", gain=-0.1),
    Scenario("better by 0.03, log odds tripled", gain=0.03, steep=3.0),
    Scenario("better by 0.03, log odds 1.5 too high", gain=0.03, shift=1.5),
    Scenario("shuffled labels, another head", shuffled=True, gain=-0.3, correlation=0.0),
    Scenario("shuffled labels, head close to production's", shuffled=True, correlation=0.9),
    Scenario("shuffled labels, recalibrated only", shuffled=True, only_recalibrated=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--people", type=int, nargs="+", default=[30, 100, 300])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--protocol", type=Path, help="other criteria than the default ones; its task is depression")
    parser.add_argument("--criteria", action="store_true", help="also how often each criterion is met")
    chosen = parser.parse_args()
    protocol = PROTOCOL if chosen.protocol is None else load_protocol(chosen.protocol)
    print("| candidate |", " | ".join(f"{n} gate people" for n in chosen.people), "|")
    print("|---|" + "---|" * len(chosen.people))
    with Pool(chosen.processes) as pool:
        for scenario in SCENARIOS:
            cells = [
                pool.starmap(_outcome, [(scenario, n, seed, protocol) for seed in range(chosen.repeats)], chunksize=20)
                for n in chosen.people
            ]
            passed = [sum(each["all"] for each in cell) / len(cell) for cell in cells]
            print(f"| {scenario.words} |", " | ".join(f"{share:.1%}" for share in passed), "|", flush=True)
            if chosen.criteria:
                _print_criteria(cells)


def _print_criteria(cells: list[list[dict[str, bool]]]) -> None:
    for name in cells[0][0]:
        if name != "all":
            shares = [sum(each[name] for each in cell) / len(cell) for cell in cells]
            print(f"| … {name} |", " | ".join(f"{share:.1%}" for share in shares), "|")


def _outcome(scenario: Scenario, people: int, seed: int, protocol: RetrainingProtocol) -> dict[str, bool]:
    report = simulate(scenario, people, seed, protocol)
    return {each.name: each.passed for each in report.criteria} | {"all": report.passed}


def simulate(scenario: Scenario, people: int, seed: int, protocol: RetrainingProtocol) -> GateReport:
    """One gate of a simulated clinic."""
    rng = np.random.default_rng([seed, people])
    development, gate = (_draw(scenario, count, rng) for count in (2 * people, people))
    production = _production(scenario, gate)
    candidate = (
        replace(production, version="2")
        if scenario.same
        else _candidate(scenario, development, gate, protocol.wanted_sensitivity)
    )
    names = np.array([f"p{number:04}" for number in range(people)])
    groups = {
        "sex": rng.choice(["female", "male"], people),
        "view": rng.choice(["front", "oblique", "side", "back"], people, p=[0.4, 0.1, 0.4, 0.1]),
    }
    recordings = GatePeople(names, names, gate.recorded.astype(np.int64), gate.recorded, groups)
    return report_on(recordings, production, candidate, protocol, FACTS, seed=seed, samples=SAMPLES)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """People: condition as it is and as it was recorded, and what each version's head says."""

    true: Flags
    recorded: Flags
    production: Numbers
    candidate: Numbers


def _draw(scenario: Scenario, people: int, rng: np.random.Generator) -> Drawn:
    true = rng.permutation(np.arange(people) % 2 == 0)
    recorded = rng.permutation(true) if scenario.shuffled else true
    noise = rng.standard_normal((2, people))
    rho = scenario.correlation
    production = _apart(scenario.production) * (true - 0.5) + noise[0]
    if scenario.only_recalibrated:
        return Drawn(true, recorded, production, production)
    apart = _apart(scenario.production + scenario.gain)
    return Drawn(true, recorded, production, apart * (true - 0.5) + rho * noise[0] + np.sqrt(1 - rho**2) * noise[1])


def _apart(auroc: float) -> float:
    """How far the means of a binormal model are apart, in standard deviations."""
    return float(norm.ppf(auroc) * np.sqrt(2))


def _production(scenario: Scenario, gate: Drawn) -> Said:
    apart = _apart(scenario.production)
    threshold = expit(apart * (apart / 2 + norm.ppf(1 - scenario.production_sensitivity)))
    return _said("production", float(threshold), expit(apart * gate.production))


def _candidate(scenario: Scenario, development: Drawn, gate: Drawn, wanted_sensitivity: float) -> Said:
    """Calibrator and threshold from the development people, as they were recorded."""
    wanted, base = development.recorded, _apart(scenario.production)
    logits = [np.stack([-each, each], 1) * base / 2 for each in (development.candidate, gate.candidate)]
    calibrator = fit_calibrator(logits[0], wanted.astype(np.int64))
    said = [_odds(calibrator.calibrated_logits(each)) * scenario.steep + scenario.shift for each in logits]
    threshold = threshold_for_sensitivity(expit(said[0]), wanted, wanted_sensitivity)
    return _said("candidate", threshold, expit(said[1]))


def _odds(logits: Numbers) -> Numbers:
    return logits[:, 1] - logits[:, 0]


def _said(name: str, threshold: float, probability: Numbers) -> Said:
    members = np.stack([probability < 0.8, probability > 0.2], 1)
    return Said(name, "1", "0" * 64, threshold, probability, members)


if __name__ == "__main__":
    main()
