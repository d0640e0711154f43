using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Scenarios;
using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Files;

/// <summary>A machine as it is in a vmcore, and what is true of it.</summary>
public sealed class ForgedVmcore
{
    private readonly Lazy<byte[]> _bytes;

    private ForgedVmcore(LinuxMachine machine, VmcoreForm form)
    {
        Machine = machine.Complete();
        Form = form;
        _bytes = new Lazy<byte[]>(() => VmcoreFile.ToBytes(machine, form));
    }

    public LinuxMachine Machine { get; }

    public VmcoreForm Form { get; }

    public LinuxTruth Truth => Machine.Truth;

    /// <summary>The file.</summary>
    public byte[] Bytes => _bytes.Value;

    /// <summary>Every task with its state and frames.</summary>
    public IReadOnlyList<TruthTask> Tasks => [.. Machine.Tasks.All.Select(task => task.Truth())];

    /// <summary>Makes the vmcore of a scenario.</summary>
    /// <param name="scenario">One of <see cref="LinuxScenarioSet.All"/>.</param>
    /// <param name="layout">Whose structures.</param>
    /// <param name="form">The file's form; kdump with zlib where not given.</param>
    /// <param name="options">The machine; its layout is that of the parameter before.</param>
    /// <param name="prepare">What is added to the scenario.</param>
    public static ForgedVmcore Make(
        string scenario, LinuxLayout layout, VmcoreForm? form = null, LinuxOptions? options = null,
        Action<LinuxMachine>? prepare = null)
    {
        options = options is null ? new LinuxOptions(layout) : options with { Layout = layout };
        LinuxMachine machine = LinuxScenarioSet.Build(scenario, options);
        prepare?.Invoke(machine);
        return new ForgedVmcore(machine, form ?? new VmcoreForm());
    }

    /// <summary>Writes NAME.vmcore to a folder; says its path.</summary>
    public string Write(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, name + ".vmcore");
        // Who has an older file of this name open keeps it.
        File.Delete(path);
        using FileStream stream = File.Create(path);
        VmcoreFile.Write(Machine, stream, Form);
        return path;
    }
}
