// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations for the guest tests; fail.h says what each is for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "guest.h"

#define FAULTS		"/sys/kernel/debug/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAIL_MOST	3000

static const struct {
	const char *file;
	const char *value;
} settings[] = {
	{ FAULTS "failslab/ignore-gfp-wait", "N" },
	{ FAULTS "failslab/verbose", "0" },
	{ FAULTS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ FAULTS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ FAULTS "fail_page_alloc/min-order", "0" },
	{ FAULTS "fail_page_alloc/verbose", "0" },
};

static __thread int nth_file = -1;

/*
 * What the kernel cannot write into a thread's rseq area, for want of a page to
 * copy it to after a fork(), it answers with SIGSEGV.
 */
static void unregister_rseq(void)
{
#if defined(RSEQ_SIG) && defined(__NR_rseq)
	if (__rseq_size)
		syscall(__NR_rseq, (char *)__builtin_thread_pointer() +
			__rseq_offset, 32, 1, RSEQ_SIG);
#endif
}

bool fail_init(void)
{
	unsigned int i;

	unregister_rseq();
	kernel_is_ported();
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (write_file(settings[i].file, "%s", settings[i].value))
			return false;
	/* Of this thread, whoever had opened it before */
	if (nth_file >= 0)
		close(nth_file);
	nth_file = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	return nth_file >= 0;
}

static void set_nth(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	/* It says nothing but how long the text was */
	if (pwrite(nth_file, text, len, 0) != len)
		_exit(1);
}

void fail_begin(unsigned int nth)
{
	set_nth(nth);
}

bool fail_end(void)
{
	char text[16] = "";

	/* It may be this that fails, where the stack has to be copied */
	while (pread(nth_file, text, sizeof(text) - 1, 0) <= 0)
		;
	set_nth(0);
	return text[0] == '0';
}

/*
 * What must not be more than it was, in the direction that means a loss, but for
 * some noise of others: less than a segment's pages.
 */
static const struct {
	const char *name;
	int sign;
	long noise;
} counters[] = {
	{ "HugePages_Free", -1, 0 },
	{ "HugePages_Rsvd", 1, 0 },
	{ "Committed_AS", 1, 48 },
	{ "Mlocked", 1, 0 },
};

#define COUNTERS	(sizeof(counters) / sizeof(counters[0]))

struct counts {
	long of[COUNTERS];
	int objects;
	int segments;
};

static void take_counts(struct counts *counts)
{
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		counts->of[i] = meminfo(counters[i].name);
	counts->objects = count_lines(ANON_OBJECTS);
	counts->segments = sysvipc_count();
}

static const char *differs(const struct counts *before,
			   const struct counts *now, long *by)
{
	unsigned int i;

	for (i = 0; i < COUNTERS; i++) {
		*by = now->of[i] - before->of[i];
		if (*by * counters[i].sign > counters[i].noise)
			return counters[i].name;
	}
	*by = now->objects - before->objects;
	if (*by > 0)
		return "objects";
	*by = now->segments - before->segments;
	return *by ? "segments" : NULL;
}

/* What is freed later has ten seconds for it */
static const char *left_of(const struct counts *before, long *by)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	const char *left = NULL;
	struct counts now;
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		take_counts(&now);
		left = differs(before, &now, by);
		if (!left)
			break;
		nanosleep(&tick, NULL);
	}
	return left;
}

static bool allowed(const struct fail_call *call, int err)
{
	const int *error;

	for (error = call->errors; *error; error++)
		if (err == -*error)
			return true;
	return false;
}

/* Returns whether there was such an allocation, and nothing amiss */
static bool fail_nth(const struct fail_call *call, void *arg,
		     struct fail_result *result)
{
	struct counts before;
	bool failed = false;
	int err = 0;

	take_counts(&before);
	if (call->prepare)
		err = call->prepare(arg);
	if (err) {
		result->err = err;
		return false;
	}

	fail_begin(result->nth);
	err = call->call(arg);
	failed = fail_end();

	if (!err && call->undo)
		call->undo(arg);
	if (call->finish)
		call->finish(arg);
	if (err && !(failed && allowed(call, err)))
		result->err = err;
	result->left = left_of(&before, &result->by);
	return failed && !result->err && !result->left;
}

void fail_each(const struct fail_call *call, void *arg,
	       struct fail_result *result)
{
	bool again = false;

	memset(result, 0, sizeof(*result));
	for (result->nth = 1; result->nth < FAIL_MOST; result->nth++) {
		if (fail_nth(call, arg, result)) {
			again = false;
			result->nr++;
			continue;
		}
		if (!result->left || again)
			return;
		/* What another process has taken, it does not take twice */
		again = true;
		result->left = NULL;
		result->nth--;
	}
	result->err = -E2BIG;
}
