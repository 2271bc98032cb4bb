"""exceptions - cases that cannot pass here, each with its reason; and that they really cannot.

    store_busy.txt | * | a file is locked by another program: a database has rows     # a whole file
    cli/lab.txt | what SQLite would do | ...   # of two of one name; the case that begins like this

A case that is listed and passes is a failure, and so is a line of which nothing came true: a list
that nobody has to keep would soon hide what is broken.
"""


class Exceptions:
    def __init__(self, table, path):
        """Those of the file, by its name or with its folder; table None: there are none."""
        self.reasons, self.happened = {}, set()
        for number, line in enumerate(table.read_text().splitlines() if table else (), 1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = [cell.strip() for cell in line.split(" | ")]
            assert len(cells) == 3 and all(cells), f"{table}:{number}: three cells are wanted"
            if cells[0] in (path.name, f"{path.parent.name}/{path.name}"):
                self.reasons[cells[1]] = cells[2]

    def find(self, sentence):
        sentence = " ".join(sentence.replace("#", "").split())
        found = [known for known in self.reasons if known == "*" or sentence.startswith(known)]
        return max(found, key=len, default=None)

    def is_known(self, sentence):
        """It went wrong; should it?"""
        known = self.find(sentence)
        if known in self.reasons:
            self.happened.add(known)
        return known in self.reasons

    def report(self, tap, sentence, trouble):
        """Reports the case. True: it went wrong, as is known."""
        if trouble is None or not self.is_known(sentence):
            tap.report(sentence, trouble)
            return False
        tap.skip(sentence, self.reasons[self.find(sentence)])
        return True

    def unused(self):
        return [known for known in self.reasons if known not in self.happened]
