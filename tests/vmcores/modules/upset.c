// SPDX-License-Identifier: MIT OR GPL-2.0
/* What upsets processors: insmod upset.ko what=spin, rcu or null. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include "truth.h"

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "spin, rcu or null");

static DEFINE_SPINLOCK(kept_lock);
static pid_t holder_pid, reader_pid;

static noinline void loop_forever(void)
{
	for (;;)
		cpu_relax();
}

static int spin_holder(void *unused)
{
	holder_pid = current->pid;
	spin_lock(&kept_lock);
	loop_forever();
	spin_unlock(&kept_lock);
	return 0;
}

static int spin_waiter(void *unused)
{
	TRUTH("spin_lock", &kept_lock, holder_pid, "inferred");
	spin_lock(&kept_lock);
	spin_unlock(&kept_lock);
	return 0;
}

/* A reader that is taken off its processor: the grace period waits for the task itself. */
static int rcu_sleeper(void *unused)
{
	reader_pid = current->pid;
	rcu_read_lock();
	sleep_forever();
	rcu_read_unlock();
	return 0;
}

static int rcu_looper(void *unused)
{
	holder_pid = current->pid;
	preempt_disable();
	loop_forever();
	preempt_enable();
	return 0;
}

static int grace_waiter(void *unused)
{
	/* A period that a reader holds up began before the looping processor last was quiet, and needs it no more. */
	TRUTH("RCU_grace_period", NULL, reader_pid ? reader_pid : holder_pid, "proven");
	synchronize_rcu();
	return 0;
}

static int fast_grace_waiter(void *unused)
{
	TRUTH("expedited_RCU_grace_period", NULL, holder_pid, "proven");
	TRUTH("expedited_RCU_grace_period", NULL, reader_pid, "proven");
	synchronize_rcu_expedited();
	return 0;
}

static void start_on(int (*run)(void *), int cpu, const char *name)
{
	struct task_struct *task = kthread_create(run, NULL, "%s", name);

	if (IS_ERR(task))
		return;
	kthread_bind(task, cpu);
	wake_up_process(task);
	mdelay(500);
}

static noinline int read_through_null(int *number)
{
	return READ_ONCE(number[4]);
}

static int __init upset_init(void)
{
	if (!strcmp(what, "spin")) {
		start_on(spin_holder, 1, "spin-holder");
		start_on(spin_waiter, 2, "spin-waiter");
		start_on(spin_waiter, 3, "spin-queued");
		start_on(grace_waiter, 0, "rcu-waiter");
	} else if (!strcmp(what, "rcu")) {
		start_on(rcu_sleeper, 0, "rcu-reader");
		start_on(rcu_looper, 1, "rcu-looper");
		start_on(grace_waiter, 0, "rcu-waiter");
		start_on(fast_grace_waiter, 0, "rcu-exp");
	} else if (!strcmp(what, "null")) {
		int *none = NULL;

		OPTIMIZER_HIDE_VAR(none);
		pr_info("TRUTH crash=NULL function=read_through_null module=upset pid=%d\n", current->pid);
		pr_info("%d\n", read_through_null(none));
	}
	return 0;
}
module_init(upset_init);
MODULE_DESCRIPTION("processors that loop, spin and fault, for dumps to be taken of them");
MODULE_LICENSE("Dual MIT/GPL");
