#include "base/fault.h"
#include "base/check.h"

static _Thread_local struct fault latest;

int fault_raise(int r, int detail, const char *file, int line)
{
	CHECK(r < 0);
	latest = (struct fault){
		.error = r, .detail = detail, .system_error = errno, .file = file, .line = line
	};
	return r;
}

void fault_adopt(const struct fault *f)
{
	latest = *f;
}

const struct fault *fault_latest(void)
{
	return &latest;
}
