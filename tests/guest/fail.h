/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call with the first allocation failing that it makes in the kernel, then
 * only the second, and so on until all have failed.
 */
#ifndef TESTS_FAIL_H
#define TESTS_FAIL_H

#include <stdbool.h>

/*
 * @prepare: what comes before, with nothing failing; 0 or -errno
 * @call: 0 or -errno
 * @undo: what a success asks for
 * @finish: undo what @prepare has done
 * @errors: those that the call may return, with a 0 at the end
 */
struct fail_call {
	int (*prepare)(void *arg);
	int (*call)(void *arg);
	void (*undo)(void *arg);
	void (*finish)(void *arg);
	const int *errors;
};

/*
 * @nr: how many allocations there were
 * @nth, @err: the one after which the call returned what it may not
 * @left: a counter that has not come back to what it was, or NULL
 */
struct fail_result {
	unsigned int nr;
	unsigned int nth;
	int err;
	const char *left;
	long by;
};

/* Is there a way to let allocations fail?  Sets it up. */
bool fail_init(void);

/* From here on in this thread, the nth allocation from now fails. */
void fail_begin(unsigned int nth);
/* No more; returns whether there has been one. */
bool fail_end(void);

void fail_each(const struct fail_call *call, void *arg,
	       struct fail_result *result);

/* What a test expects of it; with more allocations than that at least. */
#define EXPECT_FAILS_WELL(call, arg, least) do {			\
	struct fail_result __result;					\
									\
	fail_each(call, arg, &__result);				\
	EXPECT_EQ(0, __result.err)					\
		TH_LOG("allocation %u: error %d", __result.nth,		\
		       __result.err);					\
	EXPECT_EQ(NULL, __result.left)					\
		TH_LOG("allocation %u: %s by %ld", __result.nth,	\
		       __result.left, __result.by);			\
	EXPECT_LE(least, __result.nr);					\
	TH_LOG("%u allocations failed", __result.nr);			\
} while (0)

#endif
