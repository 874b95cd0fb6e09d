/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stopping a task in the middle of what it does, for another to come between.
 *
 * It is stopped at a function that it comes to, before that is called or when
 * that returns: a kprobe has it go through anon_stop_here() in place of the
 * function, once.  There it sleeps, as it may with mutexes and folio locks
 * held, but not under spinlocks or RCU: what is called so is no place to stop
 * at.  One stop at a time.
 */
#ifndef _MM_ANON_OBJECT_TESTS_STOP_H
#define _MM_ANON_OBJECT_TESTS_STOP_H

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

/* Should nobody tell who is stopped to go on */
#define ANON_STOP_TIMEOUT	(30 * HZ)

/*
 * Where arguments are in registers, and anon_stop_here() has them as the
 * function would.  x86's 7th and 8th are on the stack, in the caller's frame;
 * it does no harm to pass on what there is, if there are fewer.
 */
#if defined(CONFIG_KPROBES) &&	\
	(defined(CONFIG_X86_64) || defined(CONFIG_ARM64))
static struct anon_stop {
	struct kprobe probe;
	pid_t pid;
	bool after;
	bool taken;
	struct completion stopped, go, left;
} anon_stop;

typedef unsigned long (*anon_stop_fn)(unsigned long a, unsigned long b,
				      unsigned long c, unsigned long d,
				      unsigned long e, unsigned long f,
				      unsigned long g, unsigned long h);

static void anon_stop_sleep(void)
{
	complete(&anon_stop.stopped);
	wait_for_completion_timeout(&anon_stop.go, ANON_STOP_TIMEOUT);
}

/* The probe lets it pass when it calls the function itself */
static __nocfi unsigned long anon_stop_here(unsigned long a, unsigned long b,
					    unsigned long c, unsigned long d,
					    unsigned long e, unsigned long f,
					    unsigned long g, unsigned long h)
{
	anon_stop_fn fn = (anon_stop_fn)anon_stop.probe.addr;
	unsigned long ret;

	if (!anon_stop.after)
		anon_stop_sleep();
	ret = fn(a, b, c, d, e, f, g, h);
	if (anon_stop.after)
		anon_stop_sleep();
	complete(&anon_stop.left);
	return ret;
}

static int anon_stop_hit(struct kprobe *probe, struct pt_regs *regs)
{
	if (current->pid != anon_stop.pid || anon_stop.taken)
		return 0;
	anon_stop.taken = true;
	instruction_pointer_set(regs, (unsigned long)anon_stop_here);
	return 1;
}
NOKPROBE_SYMBOL(anon_stop_hit);

/* While there is this, the probe is not made a jump, which would come back */
static void anon_stop_passed(struct kprobe *probe, struct pt_regs *regs,
			     unsigned long flags)
{
}
NOKPROBE_SYMBOL(anon_stop_passed);

/* Stop the task @pid at the function @symbol, or @after that */
static int anon_stop_set(const char *symbol, pid_t pid, bool after)
{
	anon_stop = (struct anon_stop) {
		.probe.symbol_name = symbol,
		.probe.pre_handler = anon_stop_hit,
		.probe.post_handler = anon_stop_passed,
		.pid = pid,
		.after = after,
	};
	init_completion(&anon_stop.stopped);
	init_completion(&anon_stop.go);
	init_completion(&anon_stop.left);
	return register_kprobe(&anon_stop.probe);
}

/* Has it been stopped?  It is counted as such for good. */
static bool anon_stop_reached(void)
{
	return completion_done(&anon_stop.stopped);
}

static void anon_stop_go(void)
{
	complete(&anon_stop.go);
}

/* Undo anon_stop_set(); whoever has been stopped goes on, and out of here */
static void anon_stop_clear(void)
{
	unregister_kprobe(&anon_stop.probe);
	anon_stop_go();
	if (anon_stop.taken)
		wait_for_completion(&anon_stop.left);
}
#else
static int anon_stop_set(const char *symbol, pid_t pid, bool after)
{
	return -EOPNOTSUPP;
}

static bool anon_stop_reached(void)
{
	return false;
}

static void anon_stop_go(void)
{
}

static void anon_stop_clear(void)
{
}
#endif

#endif /* _MM_ANON_OBJECT_TESTS_STOP_H */
