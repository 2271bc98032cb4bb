"""tap - test cases on stdout, as `meson test` and the tally read them; what went wrong on stderr,
which `meson test --print-errorlogs` shows."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def report(self, sentence, trouble=None):
        """One case. `trouble`: what went wrong, as many lines as it takes; None: it passed."""
        self.count += 1
        self.failures += trouble is not None
        sentence = " ".join(sentence.replace("#", "").split())
        print(f"{'ok' if trouble is None else 'not ok'} {self.count} - {sentence}")
        sys.stdout.flush()
        for line in (trouble or "").splitlines():
            print(f"# {line}", file=sys.stderr, flush=True)

    def skip(self, sentence, reason):
        self.count += 1
        print(f"ok {self.count} - {sentence} # SKIP {reason}", flush=True)

    def run(self, sentence, function, *arguments):
        """A case that is a function: it passes when it returns."""
        try:
            function(*arguments)
        except AssertionError as trouble:
            where = traceback.extract_tb(trouble.__traceback__)[-1]
            self.report(sentence, f"line {where.lineno} {where.line}\n{trouble}")
        except Exception:  # also a defect of the test is a failure of the test
            self.report(sentence, traceback.format_exc())
        else:
            self.report(sentence)

    def end(self):
        """The exit code."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failures or not self.count else 0
