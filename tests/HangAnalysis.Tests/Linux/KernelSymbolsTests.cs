using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

public class KernelSymbolsTests
{
    private const ulong Module = 0xffffffffc0000100;
    private const ulong Code = 0xffffffffc0010000;
    private const ulong Names = 0xffffffffc0020000;

    [Test]
    public void What_a_dump_lacks_is_named_with_the_reason()
    {
        KernelSymbols symbols = KernelSymbols.Read(new SparseMemory(), VmcoreInfo.Parse([]));

        Assert.That(symbols.Absent.Select(absent => absent.What),
            Is.EqualTo(new[] { "kallsyms", "BTF", "modules", "per-CPU areas", "ORC" }));
        Assert.That(symbols.Find("init_task"), Is.Null);
        Assert.That(symbols.Types.OffsetOf("task_struct", "pid"), Is.Null);
        Assert.That(symbols.TryFindNearest(0xffffffff81000000, out _), Is.False);
        Assert.That(symbols.Taints, Is.Null);
    }

    [Test]
    public void A_kernel_without_BTF_is_said_to_be_so()
    {
        ForgedKernel kernel = new(true);
        VmcoreInfo info = kernel.Write(withTypes: false);
        KernelSymbols symbols = KernelSymbols.Read(kernel.Memory, info);

        Assert.That(symbols.Absent[0], Is.EqualTo(new AbsentKnowledge(
            "BTF", "the kernel was built without CONFIG_DEBUG_INFO_BTF")));
        Assert.That(symbols.Find("_stext"), Is.EqualTo(ForgedKernel.Text));
    }

    /// <summary>struct module_layout core_layout, init_layout: 4.5 to 6.3. struct module_memory mem[7]: since 6.4.</summary>
    [TestCase(false), TestCase(true)]
    public void A_module_is_read_in_either_layout(bool isNew)
    {
        ForgedKernel kernel = new(isNew);
        ulong head = kernel.Variable("modules", 0);
        kernel.Memory.PutWords(head, Module + 8);
        DescribeModule(kernel, isNew);
        PutModule(kernel.Memory, isNew, next: head);
        PutModuleNames(kernel.Memory);

        KernelSymbols symbols = kernel.Read();

        LinuxModule module = symbols.Modules.All.Single();
        Assert.That((module.Name, module.Address, module.Base, module.Size, module.State, module.Taints, module.Version),
            Is.EqualTo(("stuck", Module, Code, 0x3000UL, (LinuxModuleState?)LinuxModuleState.Going, "POE", "1.2.3")));
        Assert.That(module.Ranges, Is.EqualTo(new[]
        {
            new LinuxModuleRange(Code, 0x1000, true, false), new LinuxModuleRange(Code + 0x1000, 0x2000, false, false),
            new LinuxModuleRange(Code + 0x8000, 0x1000, true, true),
        }));
        Assert.That(symbols.FindInModules("stuck_lock"), Is.EqualTo(Code + 0x1800));
        Assert.That(symbols.TryFindNearest(Code + 0x130, out LinuxSymbol symbol));
        Assert.That((symbol.Describe(Code + 0x130), symbol.Size), Is.EqualTo(("stuck_fn+0x30 [stuck]", 0x1700UL)));
        Assert.That(symbols.TryFindFunction(Code + 0x1810, out _), Is.False);
        // Init code that has no symbols any more is not named after code before it.
        Assert.That(symbols.TryFindNearest(Code + 0x8010, out _), Is.False);
        Assert.That(symbols.Modules.FindByAddress(Code + 0x3000), Is.Null);
    }

    [Test]
    public void A_list_of_modules_that_does_not_end_is_cut()
    {
        ForgedKernel kernel = new(false);
        ulong head = kernel.Variable("modules", 0);
        kernel.Memory.PutWords(head, Module + 8);
        DescribeModule(kernel, false);
        PutModule(kernel.Memory, false, next: Module + 8);

        KernelSymbols symbols = kernel.Read();

        Assert.That(symbols.Modules.All, Has.Count.EqualTo(1));
        Assert.That(symbols.Absent, Has.Member(new AbsentKnowledge("modules", "the list of modules does not end")));
    }

    [Test]
    public void An_absurd_number_of_module_symbols_reads_what_is_there()
    {
        ForgedKernel kernel = new(false);
        ulong head = kernel.Variable("modules", 0);
        kernel.Memory.PutWords(head, Module + 8);
        DescribeModule(kernel, false);
        PutModule(kernel.Memory, false, next: head);
        PutModuleNames(kernel.Memory);
        kernel.Memory.PutWords(Names + 8, 0xffff_ffff);

        Assert.That(kernel.Read().FindInModules("stuck_lock"), Is.EqualTo(Code + 0x1800));
        Assert.That(kernel.Memory.Asked, Is.LessThan(200_000_000));
    }

    [Test]
    public void No_damage_makes_it_fail()
    {
        int whole = 0;
        LinuxStack stack = new();
        for (int seed = 0; seed < 400; seed++)
        {
            bool isNew = seed % 2 == 0;
            ForgedKernel kernel = new(isNew);
            ulong head = kernel.Variable("modules", Module + 8);
            kernel.Variable("__per_cpu_offset", 0xffff888000000000, 0xffff888000100000);
            DescribeModule(kernel, isNew);
            PutModule(kernel.Memory, isNew, next: head);
            PutModuleNames(kernel.Memory);
            ulong inner = kernel.Function("inner", OrcType.Call, 5, 16);
            kernel.Memory.PutWords(ForgedKernel.Stack, 0, 0, 0, 0, 0, 0, inner + 1, 0, inner + 5, 0);
            VmcoreInfo info = kernel.Write();
            Random random = new(seed);
            kernel.Memory.Damage(random, random.Next(seed / 8 + 1), random.Next(seed / 100 + 1));

            KernelSymbols symbols = KernelSymbols.Read(kernel.Memory, info);
            symbols.Unwinder.WalkSleeping(ForgedKernel.Stack, ForgedKernel.Stack, stack);
            bool named = symbols.FindInModules("stuck_lock") == Code + 0x1800;
            symbols.TryFindFunction(Code + 0x130, out _);
            whole += named && stack.Frames.Count == 2 && symbols.Absent.Count == 0 ? 1 : 0;
        }
        Assert.That(whole, Is.GreaterThan(20).And.LessThan(350));
    }

    [Test]
    public void A_processor_has_its_own_copy_of_a_variable()
    {
        ForgedKernel kernel = new(false);
        kernel.Variable("__per_cpu_offset", 0xffff888000000000, 0xffff888000100000, 0xffff888000200000);
        kernel.Variable("nr_cpu_ids", 2);

        KernelSymbols symbols = kernel.Read();

        Assert.That(symbols.PerCpu.Count, Is.EqualTo(2));
        Assert.That(symbols.PerCpu.AddressOf(0x1fb80, 1), Is.EqualTo(0xffff88800011fb80));
        // Since 6.15 a symbol is an address of the kernel, and the offsets make up for it.
        Assert.That(symbols.PerCpu.AddressOf(0xffffffff83000000, 0), Is.EqualTo(0xffff887f83000000));
        Assert.That(symbols.PerCpu.AddressOf(0, 2), Is.Null);
        Assert.That(symbols.PerCpu.AddressOf(0, -1), Is.Null);
    }

    [Test]
    public void An_absurd_number_of_processors_is_not_believed()
    {
        ForgedKernel kernel = new(false);
        kernel.Variable("__per_cpu_offset", 0xffff888000000000, 0xffff888000100000, 0xffff888000100000);
        kernel.Variable("nr_cpu_ids", 0xffff_ffff);

        Assert.That(kernel.Read().PerCpu.Count, Is.EqualTo(2));
    }

    /// <summary>Documentation/admin-guide/tainted-kernels.rst: 4609 is P, W and O.</summary>
    [TestCase(0UL, "")]
    [TestCase(4609UL, "PWO")]
    [TestCase((1UL << 13) | (1UL << 7), "DE")]
    [TestCase((1UL << 18) | (1UL << 14), "LN")]
    [TestCase(1UL << 40, "?")]
    public void Taints_have_the_letters_of_the_kernels_documentation(ulong mask, string letters) =>
        Assert.That(TaintFlags.Letters(mask), Is.EqualTo(letters));

    [Test]
    public void Every_letter_has_a_meaning()
    {
        foreach (char letter in TaintFlags.Letters((1UL << 20) - 1))
            Assert.That(TaintFlags.Meaning(letter), Is.Not.Empty, $"{letter}");
        Assert.That(TaintFlags.Meaning('?'), Is.Null);
    }

    private static void DescribeModule(ForgedKernel kernel, bool isNew)
    {
        ForgedBtf types = kernel.Btf;
        uint word = types.Int("unsigned int", 4);
        uint wide = types.Int("unsigned long", 8);
        uint list = types.Struct("list_head", 16, ("next", wide, 0), ("prev", wide, 8));
        uint text = types.Array(types.Int("char", 1), 56);
        types.Struct(
            "mod_kallsyms", 32, ("symtab", wide, 0), ("num_symtab", word, 8), ("strtab", wide, 16), ("typetab", wide, 24));
        uint layout = types.Struct("module_layout", 16, ("base", wide, 0), ("size", word, 8), ("text_size", word, 12));
        uint memory = types.Struct("module_memory", 16, ("base", wide, 0), ("size", word, 8));
        types.Enum("mod_mem_type", false, ("MOD_TEXT", 0), ("MOD_DATA", 1), ("MOD_INIT_TEXT", 4));
        List<(string, uint, uint)> members =
        [
            ("state", word, 0), ("list", list, 8), ("name", text, 24), ("version", wide, 80), ("kallsyms", wide, 88),
            ("taints", wide, 96),
        ];
        members.AddRange(isNew
            ? [("mem", types.Array(memory, 7), 104)]
            : [("core_layout", layout, 104), ("init_layout", layout, 120)]);
        types.Struct("module", 0x100, [.. members]);
    }

    private static void PutModule(SparseMemory memory, bool isNew, ulong next)
    {
        memory.PutWords(Module, new ulong[32]).PutWords(Module, 2, next).PutText(Module + 24, "stuck");
        memory.PutWords(Module + 80, Names + 0x800, Names, 1 | (1 << 12) | (1 << 13)).PutText(Names + 0x800, "1.2.3");
        if (isNew)
            memory.PutWords(Module + 104, Code, 0x1000, Code + 0x1000, 0x2000)
                .PutWords(Module + 104 + 64, Code + 0x8000, 0x1000);
        else
            memory.PutWords(Module + 104, Code, 0x3000 | 0x1000UL << 32, Code + 0x8000, 0x1000 | 0x1000UL << 32);
    }

    // A null symbol, a section, a variable and a function: Elf64_Sym of 24 bytes each.
    private static void PutModuleNames(SparseMemory memory)
    {
        memory.PutWords(Names, Names + 0x100, 4, Names + 0x200, Names + 0x300);
        memory.PutWords(Names + 0x100, new ulong[12]);
        PutSymbol(memory, 1, name: 1, info: 3, Code);
        PutSymbol(memory, 2, name: 1, info: 1, Code + 0x1800);
        PutSymbol(memory, 3, name: 12, info: 2, Code + 0x100);
        memory.PutText(Names + 0x200, "").PutText(Names + 0x201, "stuck_lock").PutText(Names + 0x20c, "stuck_fn");
        memory.PutText(Names + 0x300, "?tbt");
    }

    private static void PutSymbol(SparseMemory memory, uint index, uint name, byte info, ulong value) =>
        memory.PutWords(Names + 0x100 + index * 24, name | (ulong)info << 32 | 1UL << 48, value, 0);
}
