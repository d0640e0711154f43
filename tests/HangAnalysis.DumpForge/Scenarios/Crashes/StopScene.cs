using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>What an analysis of a stop should find, true by construction.</summary>
/// <param name="Cause">What it is owed to: a name of the analysis' own list of causes.</param>
/// <param name="Certainty">How sure that may be called: an analysis that claims more is wrong.</param>
/// <param name="Module">File name of the module that is to blame; null where nobody can know.</param>
/// <param name="Figures">Numbers and names that were written into the dump and have to be told.</param>
public sealed record StopTruth(string Cause, string Certainty, string? Module, params IReadOnlyList<string> Figures);

/// <summary>A system that stopped, and the truth of it.</summary>
public sealed record ForgedStop(SystemBuilder System, StopTruth Truth);

/// <summary>A small system with one thread, which stops.</summary>
internal sealed partial class StopScene
{
    /// <summary>What follows a system thread's own frames.</summary>
    public const string Worker = """
        nt!ExpWorkerThread+0xdd
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    private const ulong LowestKernel = 0xffff800000000000;

    private readonly Population _population;

    public StopScene(KernelLayout layout, string identity, uint code)
    {
        Setup setup = Setup.Create(layout, identity, new SystemOptions(layout)
        {
            IsMinimal = true,
            BugCheckCode = code,
            BugCheckParameters = Parameters,
        });
        (System, _population) = (setup.System, setup.Population);
    }

    public SystemBuilder System { get; }

    /// <summary>The four parameters, which may be set until the system is written.</summary>
    public ulong[] Parameters { get; } = new ulong[4];

    /// <summary>Whether the system is one of x86.</summary>
    public bool IsNarrow => System.Layout.Architecture == Architecture.X86;

    /// <summary>A driver of another company.</summary>
    public ForgedModule Driver(string fileName = "badflt.sys", string company = "Fabrikam Software", string version = "3.1.0.22")
    {
        ForgedModule driver = System.Modules.AddThirdParty(fileName, company, version);
        driver.MinimumSize = 0x8000;
        return driver;
    }

    /// <summary>The thread that stops the system: KeBugCheckEx, these frames, and those of a worker.</summary>
    public ThreadBuilder Stops(string frames) => _population.System.AddThread(0x1a4)
        .Stack("nt!KeBugCheckEx+0x20\n" + frames.Trim() + "\n" + Worker).RunsOn(0).Priority(12);

    /// <summary>An address of the kernel; x86 has the low half of it, in its own half for the kernel.</summary>
    public ulong Kernel(ulong address) => IsNarrow ? (uint)address | 0x80000000u : address;

    /// <summary>Writes bytes into pool, where small dumps keep them too.</summary>
    public ulong Place(byte[] bytes, int alignment = 16)
    {
        ulong at = System.Pool.Take(bytes.Length, alignment);
        System.Kernel.Write(at, bytes);
        System.TriageMemory.Add((at, bytes.Length));
        return at;
    }

    /// <summary>Does something when all stacks are written, and frames and modules have their addresses.</summary>
    public void Later(Action write) => System.ProcessorDetails.Add((0, _ => write()));

    /// <summary>Completes the stop.</summary>
    public ForgedStop Complete(StopTruth truth, ForgedModule? culprit = null)
    {
        System.Truth = new Truth("crash", culprit, []);
        if (!IsNarrow)
            return new ForgedStop(System, truth);
        System.Finishing.Add(() =>
        {
            for (int i = 0; i < Parameters.Length; i++)
                Parameters[i] = Parameters[i] >= LowestKernel ? Kernel(Parameters[i]) : Parameters[i] & uint.MaxValue;
        });
        return new ForgedStop(System, truth with { Figures = [.. truth.Figures.Select(NarrowAddress)] });
    }

    /// <summary>A figure that is an address of 64 bits, as <see cref="Kernel"/> makes it one of 32.</summary>
    private string NarrowAddress(string figure) => Address.Replace(figure,
        match => $"{Kernel(ulong.Parse(match.Value, NumberStyles.HexNumber)):x}");

    [GeneratedRegex("ffff[0-9a-f]{12}")]
    private static partial Regex Address { get; }
}
