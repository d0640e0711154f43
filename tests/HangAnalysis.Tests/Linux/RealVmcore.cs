using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>A real vmcore of ../shared with what crash 9.0.2 printed about it. Opened once for all tests.</summary>
internal sealed partial class RealVmcore
{
    private static readonly Dictionary<string, RealVmcore> s_open = [];

    private RealVmcore(string folder)
    {
        Folder = folder;
        Target = VmcoreTarget.Open(Path.Combine(folder, "vmcore"));
        Symbols = KernelSymbols.Read(Target.KernelMemory, Target.Info);
    }

    public static string[] Names { get; } =
    [
        "a-abba-mutex", "c-null-oops", "f-kdump-hungtask-panic", "k612-a-abba-mutex-la57",
    ];

    public string Folder { get; }

    public VmcoreTarget Target { get; }

    public KernelSymbols Symbols { get; }

    public IMemory Memory => Target.KernelMemory;

    /// <summary>A text that crash printed about it.</summary>
    public string Text(string file) => File.ReadAllText(Path.Combine(Folder, file));

    public static RealVmcore Open(string name)
    {
        string folder = SharedMaterial.Require($"corpus/vmcore/{name}");
        lock (s_open)
        {
            if (!s_open.TryGetValue(name, out RealVmcore? core))
                s_open[name] = core = new RealVmcore(folder);
            return core;
        }
    }

    /// <summary>Tasks of `foreach bt`: address, whether it was on a processor, frames with the words around them.</summary>
    public List<CrashStack> CrashStacks()
    {
        List<CrashStack> stacks = [];
        foreach (string line in File.ReadLines(Path.Combine(Folder, "crash-foreach-bt.txt")))
        {
            if (TaskLine().Match(line) is { Success: true } task)
                stacks.Add(new CrashStack(Hex(task.Groups[2].Value), int.Parse(task.Groups[1].Value)));
            else if (FrameLine().Match(line) is { Success: true } frame)
                stacks[^1].Frames.Add(
                    new CrashFrame(Hex(frame.Groups[1].Value), frame.Groups[2].Value, Hex(frame.Groups[3].Value)));
            else
                foreach (Match register in RegisterText().Matches(line))
                    stacks[^1].Registers[register.Groups[1].Value] = Hex(register.Groups[2].Value);
        }
        Assert.That(stacks, Is.Not.Empty);
        return stacks;
    }

    /// <summary>Tasks that `ps` marks as those on a processor.</summary>
    public HashSet<ulong> RunningTasks()
    {
        HashSet<ulong> running = [];
        foreach (string line in File.ReadLines(Path.Combine(Folder, "crash-ps.txt")))
            if (RunningLine().Match(line) is { Success: true } task)
                running.Add(Hex(task.Groups[1].Value));
        Assert.That(running, Has.Count.EqualTo(2));
        return running;
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier);

    [GeneratedRegex(@"^PID: (\d+)\s+TASK: (\w+)")]
    private static partial Regex TaskLine();

    [GeneratedRegex(@"^\s*#\d+ \[(\w+)\] (\S+) at (\w+)")]
    private static partial Regex FrameLine();

    [GeneratedRegex(@"(R\w+|ORIG_RAX|CS|SS): +([0-9a-f]+)")]
    private static partial Regex RegisterText();

    [GeneratedRegex(@"^>\s+\d+\s+\d+\s+\d+\s+(\w+)")]
    private static partial Regex RunningLine();
}

/// <summary>A task's stack as crash prints it.</summary>
internal sealed record CrashStack(ulong Task, int Pid)
{
    public List<CrashFrame> Frames { get; } = [];

    /// <summary>The registers that were printed last: those of the user program where there is one.</summary>
    public Dictionary<string, ulong> Registers { get; } = [];
}

/// <summary>A frame as crash prints it.</summary>
internal readonly record struct CrashFrame(ulong Slot, string Function, ulong Address);
