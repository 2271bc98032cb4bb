#include "client/memory.h"
#include "client/exit.h"
#include <stdio.h>
#include <stdlib.h>

void exit_out_of_memory(void)
{
	/* Not by exit_failed(), which needs some. */
	fflush(stdout);
	fputs("rowlock: memory is short\n", stderr);
	exit(EXIT_FAILED);
}

void *memory_or_exit(void *memory)
{
	if (memory == NULL)
		exit_out_of_memory();
	return memory;
}
