/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * One line a waiting task, on the serial console, which check.sh holds hangwhy against:
 *   waiter  its pid
 *   kind    what it waits for, as hangwhy calls it
 *   lock    the address of that, or 0 where hangwhy need not show one
 *   owner   pid of the task that must act, or 0 where the kernel records nobody
 *   sure    how sure hangwhy may be of that owner, or - without one
 */
#define TRUTH(kind, lock, owner, sure)                                                              \
	pr_info("TRUTH waiter=%d comm=%s kind=%s lock=%px owner=%d sure=%s\n", current->pid,        \
		current->comm, kind, lock, owner, sure)

/* A task that has something and does nothing more: it sleeps as idle threads of the kernel do. */
static void __maybe_unused sleep_forever(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		schedule();
	}
}
