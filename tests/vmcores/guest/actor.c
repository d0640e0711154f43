// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Programs that wait, each told by its first argument. All print what check.sh compares (see modules/truth.h).
 *   mutex | mutex-pi             two threads, one keeps a mutex of the C library
 *   circle                       two threads and two mutexes of the C library, in opposite orders
 *   vfork                        a parent whose child neither ends nor calls exec
 *   serve DIRECTORY stop|leave|go-on   serves a file system (FUSE) and stops answering; the server stays, or leaves a child that has its
 *                                device, or reads further requests
 *   stat PATH SERVER             asks a file system for a file, which the process SERVER should answer
 *   read|direct|sync PATH KIND SURE   reads, reads past the cache, or writes and flushes
 *   inner PATH FLAG KIND SURE    writes into a block that is not cached, once FLAG begins with Y
 *   second PATH FLAG OWNER       writes to the same file a little later, when the process OWNER has it
 *   folder PATH FLAG KIND SURE   makes a folder and flushes the one that it is in, once FLAG begins with Y
 *   kexec KERNEL INITRD WORDS    loads a kernel for crashes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER, right = PTHREAD_MUTEX_INITIALIZER;
static volatile int left_owner, right_owner;

static int own_id(void)
{
	return (int)syscall(SYS_gettid);
}

static void truth(const char *kind, const void *lock, int owner, const char *sure)
{
	char line[256];
	int length = snprintf(line, sizeof line, "TRUTH waiter=%d comm=actor kind=%s lock=%016lx owner=%d sure=%s\n", own_id(), kind,
			      (unsigned long)lock, owner, sure);

	if (write(1, line, length) != length)
		exit(2);
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static void *keep_left(void *unused)
{
	pthread_mutex_lock(&left);
	left_owner = own_id();
	for (;;)
		pause();
	return unused;
}

static void *right_then_left(void *unused)
{
	pthread_mutex_lock(&right);
	right_owner = own_id();
	while (left_owner == 0)
		usleep(1000);
	truth("futex", &left, left_owner, "candidate");
	pthread_mutex_lock(&left);
	return unused;
}

static int run_mutex(int has_inheritance)
{
	pthread_t thread;
	pthread_mutexattr_t kind;

	pthread_mutexattr_init(&kind);
	if (has_inheritance)
		pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&left, &kind);
	pthread_create(&thread, NULL, keep_left, NULL);
	while (left_owner == 0)
		usleep(1000);
	truth(has_inheritance ? "rt_mutex" : "futex", has_inheritance ? NULL : &left, left_owner, has_inheritance ? "proven" : "candidate");
	return pthread_mutex_lock(&left);
}

static int run_circle(void)
{
	pthread_t thread;

	pthread_mutex_lock(&left);
	left_owner = own_id();
	pthread_create(&thread, NULL, right_then_left, NULL);
	while (right_owner == 0)
		usleep(1000);
	truth("futex", &right, right_owner, "candidate");
	return pthread_mutex_lock(&right);
}

static int run_vfork(void)
{
	static char line[256];
	int parent = own_id();

	if (vfork() == 0) {
		int length = snprintf(line, sizeof line, "TRUTH waiter=%d comm=actor kind=completion lock=%016lx owner=%d sure=proven\n",
				      parent, 0UL, own_id());

		if (write(1, line, length) == length)
			for (;;)
				pause();
		_exit(1);
	}
	return 0;
}

struct init_answer {
	struct fuse_out_header header;
	struct fuse_init_out body;
};

struct attributes_answer {
	struct fuse_out_header header;
	struct fuse_attr_out body;
};

static int answer(int device, const struct fuse_in_header *request)
{
	struct init_answer init = { .header = { .len = sizeof init, .unique = request->unique },
				    .body = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 } };
	struct attributes_answer attributes = { .header = { .len = sizeof attributes, .unique = request->unique },
						.body = { .attr_valid = 100000, .attr = { .ino = 1, .mode = S_IFDIR | 0755, .nlink = 2 } } };

	if (request->opcode == FUSE_INIT)
		return write(device, &init, sizeof init) == sizeof init;
	if (request->opcode == FUSE_GETATTR && request->nodeid == FUSE_ROOT_ID)
		return write(device, &attributes, sizeof attributes) == sizeof attributes;
	return 0;
}

static int run_server(const char *directory, int leaves, int goes_on)
{
	static char request[1 << 17];
	char options[128];
	int child = 0;
	int device = open("/dev/fuse", O_RDWR);

	if (device < 0)
		return fail("/dev/fuse");
	prctl(PR_SET_NAME, leaves ? "fuse-left" : goes_on ? "fuse-reads" : "fuse-stopped");
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (mount("actor", directory, "fuse.actor", 0, options) != 0)
		return fail(directory);
	if (leaves && (child = fork()) == 0)
		for (;;)
			pause();
	printf("SERVER %d\n", leaves ? child : own_id());
	fflush(stdout);
	while (read(device, request, sizeof request) > 0 && (answer(device, (struct fuse_in_header *)request) || goes_on))
		;
	while (!leaves)
		pause();
	return 0;
}

static int run_file(const char *how, const char *path, const char *kind, const char *sure)
{
	char *buffer = aligned_alloc(4096, 4096);
	int is_read = how[0] != 's';
	int file = open(path, is_read ? O_RDONLY | (how[0] == 'd' ? O_DIRECT : 0) : O_RDWR);

	if (file < 0 || buffer == NULL)
		return fail(path);
	memset(buffer, 1, 4096);
	truth(kind, NULL, 0, sure);
	if (is_read)
		return read(file, buffer, 4096) > 0 ? 0 : fail("read");
	return pwrite(file, buffer, 4096, 1 << 20) > 0 && fsync(file) == 0 ? 0 : fail("fsync");
}

static void wait_for(const char *flag)
{
	char value = 'N';

	while (value != 'Y') {
		int file = open(flag, O_RDONLY);

		if (read(file, &value, 1) != 1)
			value = 'N';
		close(file);
		usleep(20000);
	}
}

static int run_inner(const char *path, const char *flag, const char *kind, const char *sure, int owner)
{
	int file = open(path, O_RDWR);

	if (file < 0)
		return fail(path);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	wait_for(flag);
	if (owner != 0)
		sleep(2);
	truth(kind, NULL, owner, sure);
	return pwrite(file, "inner", 5, 4096 + 100) == 5 ? 0 : fail("write");
}

static int run_folder(const char *path, const char *flag, const char *kind, const char *sure)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY);

	if (folder < 0)
		return fail(path);
	mkdirat(folder, "before", 0755);
	fsync(folder);
	wait_for(flag);
	sleep(3);
	truth(kind, NULL, 0, sure);
	return mkdirat(folder, "after", 0755) == 0 && fsync(folder) == 0 ? 0 : fail("folder");
}

static int run_kexec(const char *kernel, const char *initrd, const char *words)
{
	const unsigned long on_crash = 2;

	return syscall(SYS_kexec_file_load, open(kernel, O_RDONLY), open(initrd, O_RDONLY), strlen(words) + 1, words, on_crash) == 0
		       ? 0 : fail("kexec");
}

int main(int count, char **words)
{
	struct stat found;

	if (count == 2 && !strncmp(words[1], "mutex", 5))
		return run_mutex(words[1][5] != 0);
	if (count == 2 && !strcmp(words[1], "circle"))
		return run_circle();
	if (count == 2 && !strcmp(words[1], "vfork"))
		return run_vfork();
	if (count == 4 && !strcmp(words[1], "serve"))
		return run_server(words[2], words[3][0] == 'l', words[3][0] == 'g');
	if (count == 4 && !strcmp(words[1], "stat")) {
		truth("FUSE", NULL, atoi(words[3]), "proven");
		return stat(words[2], &found);
	}
	if (count == 5 && (!strcmp(words[1], "read") || !strcmp(words[1], "direct") || !strcmp(words[1], "sync")))
		return run_file(words[1], words[2], words[3], words[4]);
	if (count == 6 && !strcmp(words[1], "inner"))
		return run_inner(words[2], words[3], words[4], words[5], 0);
	if (count == 5 && !strcmp(words[1], "second"))
		return run_inner(words[2], words[3], "rw_semaphore", "proven", atoi(words[4]));
	if (count == 6 && !strcmp(words[1], "folder"))
		return run_folder(words[2], words[3], words[4], words[5]);
	if (count == 5 && !strcmp(words[1], "kexec"))
		return run_kexec(words[2], words[3], words[4]);
	fprintf(stderr, "actor: what?\n");
	return 1;
}
