/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The base's kselftest harness, with what every test of ours includes.
 *
 * A guest without KVM runs some thirty times slower than the machine below
 * it, and slower still with KASAN: the harness' 30 seconds a test are meant
 * for neither.
 */
#ifndef TESTS_GUEST_HARNESS_H
#define TESTS_GUEST_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 600

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define SHM_FAILED	((void *)-1)

/* The errno that an expression, which must fail, leaves behind. */
#define ERRNO_OF(expr) ({				\
	long __ret;					\
							\
	errno = 0;					\
	__ret = (long)(expr);				\
	__ret == -1 ? errno : 0;			\
})

#endif
