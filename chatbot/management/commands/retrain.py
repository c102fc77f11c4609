"""Train a locale's model in this process, and say how it compares with what is live."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chatbot.management.profiles import active_profile
from chatbot.models import ModelVersion, TrainingRun, VersionChange
from customers.models import LocaleProfile

ACTOR = "retrain"
METRICS_WIDTH = 14


class Command(BaseCommand):
    """Do what the admin's Retrain button has the worker do."""

    help = "Train a locale's model on its FAQ, compare it with the live one, and keep it as a version."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--locale", required=True, help="the locale, such as ja-JP")
        parser.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
        parser.add_argument(
            "--promote", action="store_true", help="make the version live if the gate lets it pass"
        )
        parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seed"] < 0:
            raise CommandError(f"--seed must be 0 or more, but is {options['seed']}.")
        profile = active_profile(options["tenant"], options["locale"])
        run = self._run(profile, options["seed"])
        version = self._train(run)
        promoted = self._promote(version, wanted=options["promote"] or profile.auto_promote)
        found = {
            "version": version.name,
            "promoted": promoted,
            "verdict": version.verdict,
            "judged_against": version.judged_against or None,
            "skipped": version.skipped,
            "seconds": version.seconds,
            "data": version.data,
            "data_sha256": version.data_sha256,
            "recipe": version.recipe,
            "report": version.report,
            "teaching": version.teaching or None,
        }
        self.stdout.write(json.dumps(found, ensure_ascii=False) if options["json"] else _lines(found))

    def _run(self, profile: LocaleProfile, seed: int) -> TrainingRun:
        """Open a run, or take up one that nobody is at any more. Raises CommandError where somebody is."""
        from chatbot import training

        trigger = TrainingRun.Trigger.COMMAND
        run = training.run_open(profile=profile, actor=ACTOR, trigger=trigger, seed=seed)
        quiet = (timezone.now() - run.progress_at).total_seconds() > training.LEASE_SECONDS
        mine = run.trigger == trigger and (run.attempt == 0 or quiet)
        if not mine:
            raise CommandError(
                f"{profile} is being trained already: run {run.pk}, started by {run.author}. Wait until it has "
                "ended, or cancel it in the admin under Training."
            )
        if run.seed != seed:
            raise CommandError(
                f"Run {run.pk} of {profile} was cut short with --seed {run.seed}. Go on with that seed, or cancel "
                "the run in the admin under Training."
            )
        return run

    def _train(self, run: TrainingRun) -> ModelVersion:
        """Work on a run. Raises CommandError where that leads to no version."""
        from chatbot import training, training_work

        try:
            version = training_work.train(run_id=run.pk, echo=self._tell)
        except KeyboardInterrupt:
            training.run_cancel(run_id=run.pk, actor=ACTOR)
            raise
        except Exception:
            training.run_fail(run_id=run.pk)
            raise
        if version is not None:
            return version
        run.refresh_from_db()
        if run.failure == TrainingRun.Failure.NOTHING_TO_LEARN:
            raise CommandError(
                f"{run.profile} has no active FAQ, so there is nothing to learn. Load some with "
                "`manage.py faq_import`."
            )
        if run.state == TrainingRun.State.CANCELLED:
            raise CommandError(f"Run {run.pk} was cancelled in the admin.")
        raise CommandError(f"Run {run.pk} was taken over by a worker. Follow it in the admin under Training.")

    def _promote(self, version: ModelVersion, *, wanted: bool) -> bool:
        """Make a version live where that is wanted and the gate let it pass; says whether it is live now."""
        from chatbot import version_work, versions

        if not wanted or not versions.may_promote(version=version):
            return False
        try:
            change = versions.change_open(
                profile=version.profile, version=version, kind=VersionChange.Kind.PROMOTED, actor=ACTOR
            )
        except versions.ChangeRefused as refused:
            # A worker may have been quicker with what the profile's rule asked for.
            self._tell(str(refused))
        else:
            self._tell("making it live")
            version_work.make_live(change_id=change.pk)
        return versions.live(profile_id=version.profile_id) == version

    def _tell(self, line: str) -> None:
        self.stderr.write(line)


def _lines(found: dict[str, Any]) -> str:
    """Return the report for a person to read."""
    verdict = found["verdict"]
    lines = [
        f"{found['version']}: {verdict['code']}, {'live now' if found['promoted'] else 'not live'}; "
        f"{found['seconds']:.0f} s, held against {found['judged_against'] or 'the shipped model'}",
        f"  {'':14}" + "".join(f"{name:>{METRICS_WIDTH}}" for name in ("before", "after", "difference")),
    ]
    for name, metric in found["report"]["metrics"].items():
        cells = (metric["before"], metric["after"], metric["difference"])
        shown = "".join(f"{'-' if cell is None else f'{cell:.3f}':>{METRICS_WIDTH}}" for cell in cells)
        lines.append(f"  {name:14}{shown}")
    lines += [f"  {kind}: {one['metric']}" for kind in ("falls", "rises") for one in verdict[kind]]
    lines += [f"  left out: {code}" for code in found["skipped"]]
    lines += _taught(found["teaching"]) if found["teaching"] else []
    return "\n".join(lines)


def _taught(teaching: dict[str, Any]) -> list[str]:
    """Return what became of the generator's adapter."""
    lines = [f"  generator: {teaching['code']}"]
    if teaching["loss_before"] is not None:
        lines.append(f"    loss on held-out replies {teaching['loss_before']} -> {teaching['loss_after']}")
    for side in ("before", "after"):
        if sitting := teaching[side]:
            score = sitting["score"]
            lines.append(
                f"    exam {side}: {score['right']} of {score['total']} right, {score['forbidden']} false claims "
                f"({sitting['generator']})"
            )
    return lines
