using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Vmcores;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>
/// An opened dump, or a debugger's session, of any operating system: what it says of itself, which commands it has, and how
/// its system is read.
/// </summary>
public sealed class DumpSource : IDisposable
{
    private readonly Func<IProgress<int>?, CancellationToken, ISystemFacts> _read;
    private readonly IDisposable _dump;
    private readonly Action<CancellationToken>? _setCancellation;

    /// <summary>Takes over an opened dump.</summary>
    /// <param name="description">What it says of itself.</param>
    /// <param name="commands">The commands of its system.</param>
    /// <param name="read">
    /// Reads the system; receives what is told the number of threads read so far, and what ends the reading. Damage is told
    /// in the system's unknowns and never thrown.
    /// </param>
    /// <param name="dump">The dump; disposed with the source.</param>
    /// <param name="setCancellation">Gives the dump what ends its slow work, as searches for symbols; null for none.</param>
    public DumpSource(TargetDescription description, CommandSet commands,
        Func<IProgress<int>?, CancellationToken, ISystemFacts> read, IDisposable dump,
        Action<CancellationToken>? setCancellation = null)
    {
        Description = description;
        Commands = commands;
        _read = read;
        _dump = dump;
        _setCancellation = setCancellation;
    }

    /// <summary>What the dump says of itself.</summary>
    public TargetDescription Description { get; }

    /// <summary>The commands of its system.</summary>
    public CommandSet Commands { get; }

    /// <summary>The dump, or the debugger's session, where it is of Windows; null for other systems.</summary>
    public ITarget? WindowsTarget => _dump as ITarget;

    /// <summary>A dump or a debugger's session of Windows.</summary>
    public static DumpSource OfWindows(ITarget target) => new(target.Description, CommandTable.Windows,
        (progress, cancellation) => new WindowsSystem(target, progress, cancellation), target,
        target is KernelDumpTarget file ? token => file.Cancellation = token : null);

    /// <summary>A vmcore of Linux, with the kernel's file where one was given; both are disposed with the source.</summary>
    public static DumpSource OfLinux(VmcoreTarget target, VmlinuxFile? vmlinux = null) => new(target.Description, CommandTable.Linux,
        (progress, cancellation) => new LinuxSystem(target, vmlinux, progress, cancellation),
        vmlinux is null ? target : new Both(target, vmlinux));

    /// <summary>Reads the system.</summary>
    public ISystemFacts Read(IProgress<int>? progress, CancellationToken cancellation) => _read(progress, cancellation);

    /// <summary>What ends slow work of the dump from now on.</summary>
    public void SetCancellation(CancellationToken cancellation) => _setCancellation?.Invoke(cancellation);

    /// <inheritdoc/>
    public void Dispose() => _dump.Dispose();

    private sealed record Both(IDisposable First, IDisposable Second) : IDisposable
    {
        public void Dispose()
        {
            First.Dispose();
            Second.Dispose();
        }
    }
}
