#include "store/store.h"

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
		return 65;
	case STORE_UNREACHABLE:
		return 69;
	case STORE_IN_USE:
	case STORE_LOCKED:
		return 75;
	case STORE_FORBIDDEN:
		return 77;
	case STORE_NETWORK:
	case STORE_LINKED:
		return 78;
	case STORE_FULL:
		return 73;
	}
	return 70;
}
