/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two parties, of which one is stopped where the other matters: at a function
 * of the kernel's, by /dev/anon_object_test. Each is a child, so that none of
 * them waits for the mmap_lock of another.
 */
#ifndef TESTS_RACE_H
#define TESTS_RACE_H

#include "guest.h"

#define RACE_DEVICE	"/dev/anon_object_test"

struct race {
	pid_t pid;
	int begin;		/* a pipe that it waits for */
};

/* What a party does, with the files that there were; 0 or -errno. */
typedef int (*race_act)(void *arg);

/* An open of the device; -ENODEV without one. Loads its module. */
int race_device(void);

/*
 * Have act(arg) begin. Where it is to be stopped at a function, or after that,
 * it has been when race_stop() returns 0. -EOPNOTSUPP: this kernel cannot do
 * that; -ENOENT: there is no such function, or it has not come there.
 */
int race_start(struct race *race, race_act act, void *arg);
int race_stop(struct race *race, int device, const char *function, bool after,
	      race_act act, void *arg);
void race_go(int device);

/* Is it over, in so many milliseconds at most? */
bool race_over(struct race *race, int ms);
/* What act() has returned, or -EINTR if it was killed. */
int race_finish(struct race *race);

/* race_stop() in a test, which is skipped where nobody can be stopped */
#define STOP(race, device, function, after, act, arg) ({		\
	int __err = race_stop(race, device, function, after, act, arg);	\
									\
	if (__err == -EOPNOTSUPP)					\
		SKIP(return, "no thread can be stopped in this kernel"); \
	ASSERT_EQ(0, __err);						\
})

#endif
