// SPDX-License-Identifier: MIT OR GPL-2.0
/* Threads of the kernel that wait for each other in every way there is, each in a group of its own. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu-rwsem.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include "truth.h"

/* Each group's threads are started one after the other; a later one finds here who came before. */
static pid_t last_pid, first_pid;

/* Mutexes: one that is kept by who sleeps, and two that two threads take in opposite orders. */
static DEFINE_MUTEX(kept_mutex);
static DEFINE_MUTEX(left_mutex);
static struct mutex *right_mutex;
static pid_t left_pid, right_pid;
static DECLARE_COMPLETION(both_locked);

static int mutex_owner(void *unused)
{
	mutex_lock(&kept_mutex);
	last_pid = current->pid;
	sleep_forever();
	return 0;
}

static int mutex_waiter_fn(void *unused)
{
	TRUTH("mutex", &kept_mutex, last_pid, "proven");
	mutex_lock(&kept_mutex);
	return 0;
}

static int left_first(void *unused)
{
	left_pid = current->pid;
	mutex_lock(&left_mutex);
	wait_for_completion(&both_locked);
	TRUTH("mutex", right_mutex, right_pid, "proven");
	mutex_lock(right_mutex);
	return 0;
}

static int right_first(void *unused)
{
	right_pid = current->pid;
	mutex_lock(right_mutex);
	complete(&both_locked);
	TRUTH("mutex", &left_mutex, left_pid, "proven");
	mutex_lock(&left_mutex);
	return 0;
}

/* rw_semaphores: one with a writer, one with two readers of which the last is recorded. */
static DECLARE_RWSEM(written);
static struct rw_semaphore *shared;

static int rwsem_writer(void *unused)
{
	down_write(&written);
	last_pid = current->pid;
	sleep_forever();
	return 0;
}

static int rwsem_reader_behind(void *unused)
{
	TRUTH("rw_semaphore", &written, last_pid, "proven");
	down_read(&written);
	return 0;
}

static int rwsem_writer_behind(void *unused)
{
	TRUTH("rw_semaphore", &written, last_pid, "proven");
	down_write(&written);
	return 0;
}

static int rwsem_reader(void *unused)
{
	down_read(shared);
	last_pid = current->pid;
	sleep_forever();
	return 0;
}

static int rwsem_writer_of_read(void *unused)
{
	TRUTH("rw_semaphore", shared, last_pid, "candidate");
	down_write(shared);
	return 0;
}

/* What records nobody: a semaphore, a completion, a wait queue, a bit. */
static struct semaphore *taken;
static DECLARE_COMPLETION(never_completed);
static DECLARE_WAIT_QUEUE_HEAD(never_woken);
static unsigned long word_with_bit = 1 << 3;

static int semaphore_owner(void *unused)
{
	down(taken);
	last_pid = current->pid;
	sleep_forever();
	return 0;
}

static int semaphore_waiter_fn(void *unused)
{
	TRUTH("semaphore", taken, 0, "-");
	down(taken);
	return 0;
}

static int completion_waiter(void *unused)
{
	TRUTH("completion", &never_completed, 0, "-");
	wait_for_completion(&never_completed);
	return 0;
}

static int queue_waiter(void *unused)
{
	TRUTH("wait_queue", &never_woken, 0, "-");
	wait_event(never_woken, READ_ONCE(word_with_bit) == 0);
	return 0;
}

static int bit_waiter(void *unused)
{
	TRUTH("bit", &word_with_bit, 0, "-");
	wait_on_bit(&word_with_bit, 3, TASK_UNINTERRUPTIBLE);
	return 0;
}

/* Workqueues: an item that is being done, one that is queued behind another, a whole queue. */
static struct workqueue_struct *flushed_queue, *narrow_queue, *wide_queue;
static DECLARE_COMPLETION(work_never_done);
static pid_t flushed_pid, narrow_pid, wide_pid;

static void do_flushed(struct work_struct *work)
{
	flushed_pid = current->pid;
	wait_for_completion(&work_never_done);
}

static void do_narrow(struct work_struct *work)
{
	narrow_pid = current->pid;
	wait_for_completion(&work_never_done);
}

static void do_wide(struct work_struct *work)
{
	wide_pid = current->pid;
	wait_for_completion(&work_never_done);
}

static void do_nothing(struct work_struct *work)
{
}

static DECLARE_WORK(flushed_work, do_flushed);
static DECLARE_WORK(narrow_work, do_narrow);
static DECLARE_WORK(behind_work, do_nothing);
static DECLARE_WORK(wide_work, do_wide);

static int work_flusher(void *unused)
{
	queue_work(flushed_queue, &flushed_work);
	msleep(100);
	TRUTH("completion", NULL, flushed_pid, "proven");
	flush_work(&flushed_work);
	return 0;
}

static int work_canceller(void *unused)
{
	TRUTH("completion", NULL, flushed_pid, "proven");
	cancel_work_sync(&flushed_work);
	return 0;
}

static int queued_flusher(void *unused)
{
	queue_work(narrow_queue, &narrow_work);
	msleep(100);
	queue_work(narrow_queue, &behind_work);
	TRUTH("completion", NULL, narrow_pid, "inferred");
	flush_work(&behind_work);
	return 0;
}

static int queue_flusher(void *unused)
{
	queue_work(wide_queue, &wide_work);
	msleep(100);
	TRUTH("completion", NULL, wide_pid, "inferred");
	flush_workqueue(wide_queue);
	return 0;
}

/* A chain of rt_mutexes: the last waits for the middle one, that for the first, which sleeps. */
static DEFINE_RT_MUTEX(first_rt);
static struct rt_mutex *second_rt;

static int rt_first(void *unused)
{
	rt_mutex_lock(&first_rt);
	first_pid = current->pid;
	sleep_forever();
	return 0;
}

static int rt_second(void *unused)
{
	rt_mutex_lock(second_rt);
	last_pid = current->pid;
	TRUTH("rt_mutex", &first_rt, first_pid, "proven");
	rt_mutex_lock(&first_rt);
	return 0;
}

static int rt_third(void *unused)
{
	TRUTH("rt_mutex", second_rt, last_pid, "proven");
	rt_mutex_lock(second_rt);
	return 0;
}

/* percpu_rw_semaphores: a writer behind a reader, a reader behind that writer; a reader behind a writer that has it. */
static struct percpu_rw_semaphore *read_by, *written_by;
static pid_t percpu_writer_pid;

static int percpu_reader(void *unused)
{
	percpu_down_read(read_by);
	sleep_forever();
	return 0;
}

static int percpu_writer(void *unused)
{
	percpu_writer_pid = current->pid;
	TRUTH("percpu_rw_semaphore", read_by, 0, "-");
	percpu_down_write(read_by);
	return 0;
}

static int percpu_late_reader(void *unused)
{
	TRUTH("percpu_rw_semaphore", read_by, percpu_writer_pid, "proven");
	percpu_down_read(read_by);
	return 0;
}

static int percpu_late_writer(void *unused)
{
	TRUTH("percpu_rw_semaphore", read_by, percpu_writer_pid, "proven");
	percpu_down_write(read_by);
	return 0;
}

static int percpu_holder(void *unused)
{
	percpu_down_write(written_by);
	sleep_forever();
	return 0;
}

static int percpu_reader_behind(void *unused)
{
	TRUTH("percpu_rw_semaphore", written_by, 0, "-");
	percpu_down_read(written_by);
	return 0;
}

/* A thread that does not hear that it shall stop. */
static struct task_struct *deaf;

static int deaf_thread(void *unused)
{
	sleep_forever();
	return 0;
}

static int stopper(void *unused)
{
	TRUTH("completion", NULL, deaf->pid, "proven");
	kthread_stop(deaf);
	return 0;
}

static int start(int (*run)(void *), const char *name)
{
	struct task_struct *task = kthread_run(run, NULL, "%s", name);

	if (IS_ERR(task))
		return PTR_ERR(task);
	msleep(300);
	return 0;
}

static int __init manywaits_init(void)
{
	right_mutex = kzalloc(sizeof(*right_mutex), GFP_KERNEL);
	shared = kzalloc(sizeof(*shared), GFP_KERNEL);
	taken = kzalloc(sizeof(*taken), GFP_KERNEL);
	second_rt = kzalloc(sizeof(*second_rt), GFP_KERNEL);
	read_by = kzalloc(sizeof(*read_by), GFP_KERNEL);
	written_by = kzalloc(sizeof(*written_by), GFP_KERNEL);
	flushed_queue = alloc_workqueue("mw_flushed", 0, 0);
	narrow_queue = alloc_workqueue("mw_narrow", WQ_UNBOUND, 1);
	wide_queue = alloc_workqueue("mw_wide", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!right_mutex || !shared || !taken || !second_rt || !read_by || !written_by || !flushed_queue || !narrow_queue
	    || !wide_queue || percpu_init_rwsem(read_by) || percpu_init_rwsem(written_by))
		return -ENOMEM;
	mutex_init(right_mutex);
	init_rwsem(shared);
	sema_init(taken, 1);
	rt_mutex_init(second_rt);

	start(mutex_owner, "mx-owner");
	start(mutex_waiter_fn, "mx-waiter");
	start(left_first, "abba-left");
	start(right_first, "abba-right");
	start(rwsem_writer, "rw-writer");
	start(rwsem_reader_behind, "rw-reader");
	start(rwsem_writer_behind, "rw-writer2");
	start(rwsem_reader, "rd-reader1");
	start(rwsem_reader, "rd-reader2");
	start(rwsem_writer_of_read, "rd-writer");
	start(semaphore_owner, "sem-owner");
	start(semaphore_waiter_fn, "sem-waiter");
	start(completion_waiter, "comp-waiter");
	start(queue_waiter, "queue-waiter");
	start(bit_waiter, "bit-waiter");
	start(work_flusher, "wk-flush");
	start(work_canceller, "wk-cancel");
	start(queued_flusher, "wk-queued");
	start(queue_flusher, "wk-flushwq");
	start(rt_first, "rt-first");
	start(rt_second, "rt-second");
	start(rt_third, "rt-third");
	start(percpu_reader, "pc-reader");
	start(percpu_writer, "pc-writer");
	start(percpu_late_reader, "pc-late-rd");
	start(percpu_late_writer, "pc-late-wr");
	start(percpu_holder, "pc-holder");
	start(percpu_reader_behind, "pc-behind");
	deaf = kthread_run(deaf_thread, NULL, "ks-deaf");
	msleep(300);
	start(stopper, "ks-stopper");
	pr_info("all wait\n");
	return 0;
}
module_init(manywaits_init);
MODULE_DESCRIPTION("waits of every kind, for dumps to be taken of them");
MODULE_LICENSE("Dual MIT/GPL");
