/*
 * min_seq - ?min_seq=N: a read that waits until the store has come to a seq.
 *
 *     min_seq_run(x);        // instead of x->route->handler(x), which runs now, later, or not
 *
 * Most reads name no seq, or one that was reached long ago: these cost a look at the query, or at
 * the snapshot. The others stand in line (waiting/seq.h). A read that is called is answered from a
 * snapshot that was begun after it, and so has what it wants.
 *
 * Threads: the loop's.
 */
#pragma once

struct exchange;

/*
 * Runs the handler of a read as soon as its snapshot is at ?min_seq or past it. 503 behind when the
 * wait ends first (?wait or Prefer: wait, else as long as writes wait), draining when the server
 * stops.
 */
void min_seq_run(struct exchange *x);
