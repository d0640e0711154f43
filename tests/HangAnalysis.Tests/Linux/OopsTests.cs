using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Targets;
using NUnit.Framework;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// Reports of deaths as kernels write them, error codes by the processor's manual, and operands by the registers.
/// </summary>
public class OopsTests
{
    /// <summary>
    /// Intel's manual, volume 3, figure "Page-Fault Error Code"; 0002 is the published one of the article.
    /// </summary>
    [TestCase(0x0000UL, "a read in kernel mode; no page is there")]
    [TestCase(0x0002UL, "a write in kernel mode; no page is there")]
    [TestCase(0x0003UL, "a write in kernel mode; the page that is there forbids it")]
    [TestCase(0x0007UL, "a write in user mode; the page that is there forbids it")]
    [TestCase(0x0010UL, "an instruction fetch in kernel mode; no page is there")]
    [TestCase(0x0009UL, "a read in kernel mode; the page that is there forbids it; "
        + "reserved bits of a page table are set: it is damaged")]
    [TestCase(0x8007UL, "a write in user mode; the page that is there forbids it; an enclave forbids it")]
    public void An_error_code_in_words(ulong code, string words) =>
        Assert.That(PageFaultCode.Describe(code), Is.EqualTo(words));

    [Test]
    public void The_five_bits_that_every_fault_has_are_told_and_others_where_they_are_set()
    {
        Assert.That(PageFaultCode.Bits(2).Select(b => (b.Bit, b.Name, b.IsSet)), Is.EqualTo(new[]
        {
            (0, "P", false), (1, "W/R", true), (2, "U/S", false), (3, "RSVD", false), (4, "I/D", false),
        }));
        Assert.That(PageFaultCode.Bits(0x25).Select(b => b.Name), Is.EqualTo(["P", "W/R", "U/S", "RSVD", "I/D", "PK"]));
    }

    [TestCase(0UL, "NULL pointer")]
    [TestCase(0x18UL, "0x18 bytes behind a NULL pointer")]
    [TestCase(0xfffffffffffffff4UL, "-12")]
    [TestCase(0xdead000000000108UL, "LIST_POISON")]
    [TestCase(0x6b6b6b6b6b6b6b73UL, "POISON_FREE")]
    [TestCase(0x2f7265736f757263UL, "not canonical")]
    [TestCase(0x00007f0012345678UL, "user programs")]
    [TestCase(0xffffc90000451000UL, null)]
    public void An_address_says_what_it_is(ulong address, string? part)
    {
        if (part is null)
            Assert.That(BadAddress.Describe(address, 4), Is.Null);
        else
            Assert.That(BadAddress.Describe(address, 4), Does.Contain(part));
    }

    /// <summary>With five levels 57 bits are translated, and what begins ff1 is an address.</summary>
    [TestCase(0xff1c283482288000UL, 5, false), TestCase(0xff1c283482288000UL, 4, true),
        TestCase(0xffff888000000000UL, 4, false)]
    public void Canonical_depends_on_the_levels(ulong address, int levels, bool isNot) =>
        Assert.That(BadAddress.IsNonCanonical(address, levels), Is.EqualTo(isNot));

    /// <summary>
    /// The report of a published article on a 2.6.32 kernel, with addresses in brackets and the code at the end.
    /// </summary>
    [Test]
    public void A_report_of_2_6_32()
    {
        OopsReport report = Read(
            "BUG: unable to handle kernel NULL pointer dereference at (null)",
            "IP: [<ffffffffa001903e>] init_module+0x1e/0x28 [null_pointer]",
            "Oops: 0002 [#1] SMP ",
            "Pid: 6951, comm: insmod Tainted: P --------------- H 2.6.32-279.el6.x86_64 #1 VMware",
            "RIP: 0010:[<ffffffffa001903e>]  [<ffffffffa001903e>] init_module+0x1e/0x28 [null_pointer]",
            "RSP: 0018:ffff88007b23bf18 EFLAGS: 00010292",
            "RAX: 0000000000000000 RBX: 0000000000000000 RCX: 0000000000000000",
            "RBP: ffff88007b23bf18 R08: 000000000001394a R09: 4b20616e6e6f6720",
            "Call Trace:",
            " [<ffffffff8100204c>] do_one_initcall+0x3c/0x1d0",
            "Code: cb 41 4e e1 48 8b 05 b2 02 00 00 <c6> 00 01 31 c0",
            "RIP  [<ffffffffa001903e>] init_module+0x1e/0x28 [null_pointer]",
            "---[ end trace 0123456789abcdef ]---",
            "Kernel panic - not syncing: Fatal exception");
        Assert.That((report.First, report.Last, report.ErrorCode, report.Count, report.IsPageFault),
            Is.EqualTo((0, 12, 2UL, 1, true)));
        Assert.That((report.Pid, report.Task, report.Instruction),
            Is.EqualTo(((int?)6951, "insmod", "init_module+0x1e/0x28 [null_pointer]")));
        Assert.That(report.Registers!.Value.InstructionPointer, Is.EqualTo(0xffffffffa001903e));
        Assert.That(report.Registers!.Value.StackPointer, Is.EqualTo(0xffff88007b23bf18));
        Assert.That(report.Registers!.Value.Registers[8], Is.EqualTo(0x1394a));
        Assert.That((report.Code[report.CodeIndex], report.CodeIndex, report.Flags),
            Is.EqualTo(((byte)0xc6, 11, 0x10292UL)));
    }

    /// <summary>
    /// Since 6.10 every such line begins with Oops, and the user is named; another processor writes between.
    /// </summary>
    [Test]
    public void A_report_of_6_12_among_lines_of_others()
    {
        LogRecord[] records =
        [
            Line("Oops: general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#2] SMP NOPTI"),
            Line("RAX: 1111111111111111 RBX: 1111111111111111") with { Caller = new LogCaller(0x80000001) },
            Line("CPU: 3 UID: 0 PID: 812 Comm: my job:1 Kdump: loaded Tainted: G OE 6.12.0 #1"),
            Line("RIP: 0010:__list_del_entry_valid+0x2a/0x90"),
            Line("Code: Unable to access opcode bytes at 0xffffffffc0595fdb."),
            Line("RSP: 0018:ffffd1fbc0403b00 EFLAGS: 00000246"),
            Line("RAX: dead000000000100 RBX: 2222222222222222 RCX: 0000000000000000"),
            Line("Call Trace:"),
            Line("RIP: 0033:0x47fbe9"),
            Line("Code: 08 89 <48> 3d"),
            Line("RAX: ffffffffffffffda RBX: 0000000018bf6c60 RCX: 000000000047fbe9"),
        ];
        OopsReport report = OopsReader.ReadAll(records, LogEvents.Find(records)).Single();
        Assert.That((report.Exception, report.Address, report.Count, report.IsPageFault), Is.EqualTo((
            "general protection fault, probably for non-canonical address 0xdead000000000108", (ulong?)0xdead000000000108, 2,
                false)));
        Assert.That((report.Processor, report.Pid, report.Task), Is.EqualTo(((int?)3, (int?)812, "my job:1")));
        Assert.That(report.Registers!.Value.Registers[0], Is.EqualTo(0xdead000000000100));
        Assert.That(report.Code, Is.Empty, "the only code is the program's");
    }

    [Test]
    public void A_failed_check_has_its_file_and_line() => Assert.That(
        Read("------------[ cut here ]------------", "kernel BUG at fs/ext4/inode.c:2721!",
            "invalid opcode: 0000 [#1] SMP PTI").Place,
        Is.EqualTo("fs/ext4/inode.c:2721"));

    [TestCase("hung_task: blocked tasks", StopKind.HungTask, true)]
    [TestCase("softlockup: hung tasks", StopKind.SoftLockup, true)]
    [TestCase("Hard LOCKUP", StopKind.HardLockup, true)]
    [TestCase("Watchdog detected hard LOCKUP on cpu 3", StopKind.HardLockup, true)]
    [TestCase("RCU Stall", StopKind.RcuStall, true)]
    [TestCase("sysrq triggered crash", StopKind.SysRq, true)]
    [TestCase("NMI: Not continuing", StopKind.Nmi, true)]
    [TestCase("Out of memory: compulsory panic_on_oom is enabled", StopKind.OutOfMemory, false)]
    [TestCase("Fatal machine check", StopKind.Hardware, false)]
    [TestCase("Fatal exception in interrupt", StopKind.AfterOops, false)]
    [TestCase("kernel: panic_on_warn set ...", StopKind.Warning, false)]
    [TestCase("VFS: Unable to mount root fs on unknown-block(0,0)", StopKind.Panic, false)]
    public void The_words_of_a_panic_tell_who_wanted_it(string message, StopKind kind, bool isForced)
    {
        Assert.That(PanicWords.Classify(message), Is.EqualTo(kind));
        Assert.That(PanicWords.IsForced(kind), Is.EqualTo(isForced));
    }

    /// <summary>Bytes and text as objdump prints them; addresses by hand from the registers.</summary>
    [TestCase("c70701000000", 0x1000UL, true, 4, "movl $0x1,(%rdi)")]
    [TestCase("488b4418f8", 0x10000ff8UL, false, 8, "mov -0x8(%rax,%rbx,1),%rax")]
    [TestCase("65488b042500000200", 0x20000000UL + 0x20000, false, 8, "mov %gs:0x20000,%rax")]
    [TestCase("0f1f440000", 0UL, false, -1, "nopl 0x0(%rax,%rax,1)")]
    [TestCase("0f0b", 0UL, false, -1, "ud2")]
    [TestCase("f00fb117", 0x1000UL, true, 4, "lock cmpxchg %edx,(%rdi)")]
    public void What_an_instruction_accesses(string bytes, ulong address, bool isWrite, int size, string text)
    {
        CpuContext registers = default;
        registers.Registers[0] = 0x1000;
        registers.Registers[3] = 0x10000000;
        registers.Registers[7] = 0x1000;
        byte[] code = Convert.FromHexString(bytes);
        const ulong At = 0xffffffffc0000000;
        Assert.That(new Disassembly(_ => null).Around(code, At, At, 4, 4).Single().Text, Is.EqualTo(text));
        Assert.That(Disassembly.Accesses(code, At, registers, 0x20000000),
            Is.EqualTo(size < 0 ? [] : new CodeAccess[] { new(address, isWrite, size) }));
    }

    /// <summary>
    /// push %rbp; mov %rsp,%rbp; call; xor %eax,%eax; movb $0x1,(%rax); ret: the code of the article's module.
    /// </summary>
    [Test]
    public void Code_is_shown_from_before_the_instruction_on_and_calls_are_named()
    {
        byte[] code = Convert.FromHexString("554889e5e80b00000031c0c60001c3");
        const ulong At = 0xffffffffa0019020;
        IReadOnlyList<CodeLine> lines = new Disassembly(a => a == At + 0x14 ? "printk" : null).Around(code, At, At + 11, 2,
            1);
        Assert.That(lines.Select(l => (l.Address - At, l.Bytes, l.Text, l.IsFault)), Is.EqualTo(new[]
        {
            (4UL, "e80b000000", "call printk", false), (9UL, "31c0", "xor %eax,%eax", false),
            (11UL, "c60001", "movb $0x1,(%rax)", true), (14UL, "c3", "ret", false),
        }));
    }

    /// <summary>Where the bytes do not begin at an instruction, one is found from which the way leads there.</summary>
    [Test]
    public void Code_that_begins_amid_an_instruction_falls_into_step()
    {
        byte[] code = Convert.FromHexString("0b00000031c0c60001c3");
        IReadOnlyList<CodeLine> lines = new Disassembly(_ => null).Around(code, 0x1000, 0x1006, 1, 0);
        Assert.That(lines.Select(l => l.Text), Is.EqualTo(["xor %eax,%eax", "movb $0x1,(%rax)"]));
    }

    private static OopsReport Read(params string[] lines)
    {
        LogRecord[] records = [.. lines.Select(Line)];
        return OopsReader.ReadAll(records, LogEvents.Find(records)).Single();
    }

    private static LogRecord Line(string text) => new(0, 0, 0, 1, null, text);
}
