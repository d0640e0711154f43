using System.Text;
using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>
/// A forged machine under Linux: its memory, symbols and objects. Scenarios put tasks and locks into it;
/// <see cref="Complete"/> writes the tables by which a reader finds them.
/// </summary>
public sealed class LinuxMachine
{
    private readonly Dictionary<string, ulong> _texts = new(StringComparer.Ordinal);
    private bool _isComplete;

    public LinuxMachine(LinuxOptions options)
    {
        Options = options;
        Memory = new LinuxMemory(options);
        Symbols = new LinuxSymbols();
        Text = new LinuxText(Memory, Layout);
        Processors = new LinuxProcessors(this);
        Tasks = new LinuxTasks(this);
        Modules = new LinuxModules(this);
        Log = new PrintkRing(this);
        Identity = new LinuxIdentity(this);
        Locks = new LinuxLocks(this);
        WaitQueues = new LinuxWaitQueues(this);
        WorkQueues = new LinuxWorkQueues(this);
        Storage = new LinuxStorage(this);
        Futexes = new LinuxFutexes(this);
        Processors.Start();
    }

    public LinuxOptions Options { get; }

    public LinuxLayout Layout => Options.Layout;

    public LinuxMemory Memory { get; }

    public LinuxSymbols Symbols { get; }

    public LinuxProcessors Processors { get; }

    public LinuxTasks Tasks { get; }

    public LinuxModules Modules { get; }

    public PrintkRing Log { get; }

    public LinuxIdentity Identity { get; }

    public LinuxLocks Locks { get; }

    public LinuxWaitQueues WaitQueues { get; }

    public LinuxWorkQueues WorkQueues { get; }

    public LinuxStorage Storage { get; }

    public LinuxFutexes Futexes { get; }

    /// <summary>What an analysis should find.</summary>
    public LinuxTruth Truth { get; set; } = LinuxTruth.NoHang;

    internal LinuxText Text { get; }

    internal BtfBuilder? Btf { get; private set; }

    /// <summary>Makes an object in the direct map.</summary>
    public LinuxObject New(string type, int alignment = 8) =>
        new(this, type, Memory.Allocate(Layout.SizeOf(type), alignment));

    /// <summary>An object at an address, as on a stack.</summary>
    public LinuxObject Object(string type, ulong address) => new(this, type, address);

    /// <summary>Makes a variable of the kernel's data with a symbol.</summary>
    public LinuxObject Variable(string name, string type, char kind = 'D') =>
        new(this, type, Data(name, Layout.SizeOf(type), 32, kind));

    /// <summary>Makes bytes of the kernel's data with a symbol.</summary>
    public ulong Data(string name, int size, int alignment = 8, char kind = 'D')
    {
        ulong at = Memory.TakeData(size, alignment);
        Symbols.Add(name, at, kind);
        return at;
    }

    /// <summary>A constant of the kernel with a symbol, as tables of operations are.</summary>
    public ulong Constant(string name)
    {
        if (Symbols.Find(name) is { } known)
            return known;
        ulong at = Memory.TakeReadOnly(0x80, 32);
        Symbols.Add(name, at, 'd');
        return at;
    }

    /// <summary>The address of a function.</summary>
    public ulong Function(string name) => Text.Find(name).Address;

    /// <summary>A text of its own in memory; the same text is there once.</summary>
    public ulong String(string text)
    {
        if (_texts.TryGetValue(text, out ulong known))
            return known;
        byte[] bytes = Encoding.UTF8.GetBytes(text + '\0');
        ulong at = Memory.Allocate(bytes.Length);
        Memory.Space.Write(at, bytes);
        return _texts[text] = at;
    }

    /// <summary>
    /// Writes what is derived from all that was put in: symbols, types, unwind data, processors' state,
    /// VMCOREINFO.
    /// </summary>
    public LinuxMachine Complete()
    {
        if (_isComplete)
            return this;
        _isComplete = true;
        Processors.Complete();
        Tasks.Complete();
        Log.Complete();
        Identity.Prepare();
        Btf = KernelBtf.Write(this);
        Modules.Complete(Btf);
        KernelText.Write(this);
        Identity.Complete();
        return this;
    }
}
