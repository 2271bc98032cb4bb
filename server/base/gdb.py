"""gdb - how a debugger shows lists, maps and trees, whose links lie inside of what they link.

    (gdb) source server/base/gdb.py
    (gdb) print lane->ended_leases
    list of 2 = {[0] = 0x55d0c8, [1] = 0x55d1a8}
    (gdb) print locks->keys_in_flight
    map of 1 in 4096 buckets = {[7994] = 0x55e010}
    (gdb) print book->by_end
    tree of 3 = {[1700000000000] = 0x55f0c8, ...}

What is shown are links. What a link is in, by the struct and the name of its member, says

    (gdb) print *$in(link, "struct work", "work_link")
    (gdb) each lane->ended_leases "struct lease" link
    (gdb) each locks->keys_in_flight "struct work" key_node

`each` works on all three. A link within a struct is shown as the list that it is in, head and all.
A chain that leads into nothing is shown as far as it goes; so is one that never ends, up to
`set print elements` (200).
"""
import gdb
import gdb.printing


def links_max():
    return gdb.parameter("print elements") or 1000000


class Chain:
    """The links of a collection, each with its key or None; `trouble` says why it ended early."""

    def __init__(self, value):
        self.value = value
        self.trouble = ""

    def __iter__(self):
        count = 0
        try:
            for link in self.walk():
                if count == links_max():
                    self.trouble = ", and more"
                    return
                count += 1
                yield link
        except gdb.MemoryError as error:
            self.trouble = f", then: {error}"


class ListChain(Chain):
    def walk(self):
        head, at = self.value.address, self.value["next"]
        while at != head:
            yield None, at
            at = at.dereference()["next"]

    def summary(self, count):
        return f"list of {count}"


class MapChain(Chain):
    def walk(self):
        for i in range(int(self.value["bucket_mask"]) + 1 if self.value["buckets"] else 0):
            at = self.value["buckets"][i]
            while at:
                yield at.dereference()["key"], at
                at = at.dereference()["next"]

    def summary(self, count):
        wanted = int(self.value["count"])
        missing = "" if wanted == count else f" (it says {wanted})"
        return f"map of {count} in {int(self.value['bucket_mask']) + 1} buckets{missing}"


class TreeChain(Chain):
    def walk(self):
        above, at = [], self.value["root"]
        while at or above:
            while at:
                above.append(at)
                at = at.dereference()["left"]
            at = above.pop()
            yield at.dereference()["key"], at
            at = at.dereference()["right"]

    def summary(self, count):
        return f"tree of {count}"


CHAINS = {"list": ListChain, "map": MapChain, "tree": TreeChain}


def chain_of(value):
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        value = value.dereference()
    kind = CHAINS.get(value.type.strip_typedefs().tag)
    if kind is None:
        raise gdb.GdbError(f"{value.type} is no list, map or tree")
    return kind(value)


class Printer:
    def __init__(self, value):
        self.chain = chain_of(value)
        self.links = list(self.chain)

    def to_string(self):
        return self.chain.summary(len(self.links)) + self.chain.trouble

    def children(self):
        for i, (key, link) in enumerate(self.links):
            yield f"[{i if key is None else int(key)}]", link


def container_of(link, kind, member):
    kind = gdb.lookup_type(kind)
    field = next((f for f in kind.fields() if f.name == member), None)
    if field is None:
        raise gdb.GdbError(f"{kind} has no {member}")
    address = int(link) - field.bitpos // 8
    return gdb.Value(address).cast(kind.pointer())


class In(gdb.Function):
    """$in(LINK, "struct work", "work_link"): a pointer to the struct that LINK lies in."""

    def __init__(self):
        super().__init__("in")

    def invoke(self, link, kind, member):
        return container_of(link, kind.string(), member.string())


class Each(gdb.Command):
    """each COLLECTION "struct work" work_link: every struct in a list, map or tree."""

    def __init__(self):
        super().__init__("each", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 3:
            raise gdb.GdbError('each COLLECTION "struct work" work_link')
        chain = chain_of(gdb.parse_and_eval(words[0]))
        for _, link in chain:
            found = container_of(link, words[1], words[2])
            gdb.write(f"{found} = {found.dereference()}\n")
        if chain.trouble:
            gdb.write(f"{chain.trouble.removeprefix(', ')}\n")


def build_printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("rowlock")
    for name in CHAINS:
        printers.add_printer(name, f"^{name}$", Printer)
    return printers


gdb.printing.register_pretty_printer(gdb.current_objfile(), build_printers(), replace=True)
In()
Each()
