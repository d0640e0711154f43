// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Disks in memory whose driver loses what it is asked for:
 *   stuckdisk0  every request
 *   stuckdisk1  every request to flush its cache
 *   stuckdisk2  every request from the moment on that the parameter "stop" is set
 *   stuckdisk3  every request
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#define DISKS 4
#define DISK_BYTES (16UL << 20)

static bool stop;
module_param(stop, bool, 0644);
MODULE_PARM_DESC(stop, "the third disk completes nothing any more");

struct stuck_disk {
	struct blk_mq_tag_set tags;
	struct gendisk *disk;
	char *memory;
	int number;
};

static struct stuck_disk disks[DISKS];
static int major;

static bool is_lost(struct stuck_disk *own, struct request *request)
{
	switch (own->number) {
	case 0:
	case 3:
		return true;
	case 1:
		return req_op(request) == REQ_OP_FLUSH;
	default:
		return READ_ONCE(stop);
	}
}

static blk_status_t queue_request(struct blk_mq_hw_ctx *context, const struct blk_mq_queue_data *data)
{
	struct request *request = data->rq;
	struct stuck_disk *own = context->queue->queuedata;
	unsigned long at = (unsigned long)blk_rq_pos(request) << SECTOR_SHIFT;
	struct req_iterator iterator;
	struct bio_vec piece;

	blk_mq_start_request(request);
	if (is_lost(own, request)) {
		pr_info("stuckdisk%d: operation %d at sector %llu is lost, request %px\n", own->number, req_op(request),
			(unsigned long long)blk_rq_pos(request), request);
		return BLK_STS_OK;
	}
	if (req_op(request) == REQ_OP_READ || req_op(request) == REQ_OP_WRITE)
		rq_for_each_segment(piece, request, iterator) {
			char *page = kmap_local_page(piece.bv_page);

			if (at + piece.bv_len <= DISK_BYTES) {
				if (rq_data_dir(request) == WRITE)
					memcpy(own->memory + at, page + piece.bv_offset, piece.bv_len);
				else
					memcpy(page + piece.bv_offset, own->memory + at, piece.bv_len);
			}
			kunmap_local(page);
			at += piece.bv_len;
		}
	blk_mq_end_request(request, BLK_STS_OK);
	return BLK_STS_OK;
}

static enum blk_eh_timer_return wait_longer(struct request *request)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops queue_operations = { .queue_rq = queue_request, .timeout = wait_longer };
static const struct block_device_operations disk_operations = { .owner = THIS_MODULE };

static int add_one(int number)
{
	struct stuck_disk *own = &disks[number];
	int failed;

	own->number = number;
	own->memory = vzalloc(DISK_BYTES);
	if (!own->memory)
		return -ENOMEM;
	own->tags.ops = &queue_operations;
	own->tags.nr_hw_queues = 1;
	own->tags.queue_depth = 16;
	own->tags.numa_node = NUMA_NO_NODE;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	own->tags.flags = BLK_MQ_F_SHOULD_MERGE;
#endif
	failed = blk_mq_alloc_tag_set(&own->tags);
	if (failed)
		return failed;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	{
		struct queue_limits limits = { .features = number == 1 ? BLK_FEAT_WRITE_CACHE : 0 };

		own->disk = blk_mq_alloc_disk(&own->tags, &limits, own);
	}
#else
	own->disk = blk_mq_alloc_disk(&own->tags, own);
#endif
	if (IS_ERR(own->disk))
		return PTR_ERR(own->disk);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	blk_queue_write_cache(own->disk->queue, number == 1, false);
#endif
	own->disk->major = major;
	own->disk->first_minor = number;
	own->disk->minors = 1;
	own->disk->fops = &disk_operations;
	own->disk->flags |= GENHD_FL_NO_PART;
	snprintf(own->disk->disk_name, DISK_NAME_LEN, "stuckdisk%d", number);
	set_capacity(own->disk, DISK_BYTES >> SECTOR_SHIFT);
	pr_info("gendisk %px is stuckdisk%d\n", own->disk, number);
	return add_disk(own->disk);
}

static int __init stuckdisk_init(void)
{
	int failed = 0;

	major = register_blkdev(0, "stuckdisk");
	if (major < 0)
		return major;
	for (int i = 0; i < DISKS && !failed; i++)
		failed = add_one(i);
	return failed;
}
module_init(stuckdisk_init);
MODULE_DESCRIPTION("disks that lose requests, for dumps to be taken of who waits for them");
MODULE_LICENSE("Dual MIT/GPL");
