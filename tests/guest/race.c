// SPDX-License-Identifier: GPL-2.0
/*
 * Parties that are stopped; race.h says what each is for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "anon_object_device.h"
#include "race.h"

int race_device(void)
{
	int dev;

	if (access(RACE_DEVICE, F_OK) &&
	    system("modprobe -qa anon_object_device 2>/dev/null") < 0)
		return -errno;
	dev = open(RACE_DEVICE, O_RDWR | O_CLOEXEC);
	return dev < 0 ? -errno : dev;
}

/* A child that waits until it may begin */
static int race_prepare(struct race *race, race_act act, void *arg)
{
	int begin[2];
	char byte;

	if (pipe(begin))
		return -errno;
	race->pid = fork();
	if (!race->pid) {
		close(begin[1]);
		_exit(read(begin[0], &byte, 1) == 1 ? -act(arg) : EPIPE);
	}
	close(begin[0]);
	race->begin = begin[1];
	return race->pid < 0 ? -errno : 0;
}

static int race_begin(struct race *race)
{
	int err = write(race->begin, "", 1) == 1 ? 0 : -errno;

	close(race->begin);
	return err;
}

int race_start(struct race *race, race_act act, void *arg)
{
	int err = race_prepare(race, act, arg);

	return err ? err : race_begin(race);
}

void race_go(int device)
{
	ioctl(device, ANON_TEST_GO);
}

bool race_over(struct race *race, int ms)
{
	siginfo_t info;

	for (; ms > 0; ms -= 20) {
		info.si_pid = 0;
		if (waitid(P_PID, race->pid, &info,
			   WEXITED | WNOHANG | WNOWAIT) || info.si_pid)
			return true;
		usleep(20000);
	}
	return false;
}

int race_finish(struct race *race)
{
	int status;

	if (waitpid(race->pid, &status, 0) != race->pid)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int race_stop(struct race *race, int device, const char *function, bool after,
	      race_act act, void *arg)
{
	struct anon_test_stop stop = { .after = after };
	int err = race_prepare(race, act, arg);

	if (err)
		return err;
	snprintf(stop.function, sizeof(stop.function), "%s", function);
	stop.tid = race->pid;
	if (ioctl(device, ANON_TEST_STOP, &stop)) {
		err = -errno;
		close(race->begin);
		race_finish(race);
		return err;
	}
	err = race_begin(race);
	while (!err && ioctl(device, ANON_TEST_STOPPED))
		if (race_over(race, 20))
			err = -ENOENT;
	return err;
}
