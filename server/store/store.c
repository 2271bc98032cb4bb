#include "store/store.h"
#include <sysexits.h>

int store_exit_code(enum store_trouble trouble)
{
	switch (trouble) {
	case STORE_FINE:
		break;
	case STORE_FOREIGN:
	case STORE_NEWER:
	case STORE_OLDER:
	case STORE_CORRUPT:
	case STORE_GONE:
		return EX_DATAERR;
	case STORE_UNREACHABLE:
		return EX_UNAVAILABLE;
	case STORE_IN_USE:
	case STORE_LOCKED:
		return EX_TEMPFAIL;
	case STORE_FORBIDDEN:
		return EX_NOPERM;
	case STORE_NETWORK:
	case STORE_LINKED:
	case STORE_UNFIT:
		return EX_CONFIG;
	case STORE_FULL:
	case STORE_TAKEN:
		return EX_CANTCREAT;
	}
	return EX_SOFTWARE;
}
