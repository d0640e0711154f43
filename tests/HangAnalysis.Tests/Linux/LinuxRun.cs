using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.Linux;
using HangAnalysis.Reports;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Tests.Linux;

/// <summary>Runs commands on a real vmcore of ../shared. Each is opened once for all tests.</summary>
internal sealed class LinuxRun : IDisposable
{
    /// <summary>Wide enough that no cell is cut.</summary>
    private const int Width = 400;

    private static readonly Dictionary<string, LinuxRun> s_open = [];
    private static int s_forged;

    private LinuxRun(string folder, string file)
    {
        Folder = folder;
        Session = new CommandSession(DumpSource.OfLinux(VmcoreTarget.Open(Path.Combine(folder, file))));
    }

    public string Folder { get; }

    public CommandSession Session { get; }

    public LinuxSystem System => (LinuxSystem)Session.System;

    public static LinuxRun Open(string name)
    {
        string folder = SharedMaterial.Require($"corpus/vmcore/{name}");
        lock (s_open)
        {
            if (!s_open.TryGetValue(name, out LinuxRun? run))
                s_open[name] = run = new LinuxRun(folder, "vmcore");
            return run;
        }
    }

    /// <summary>A forged vmcore; who asks for it disposes of it.</summary>
    public static LinuxRun Of(ForgedVmcore forged, string folder)
    {
        string name = $"forged{Interlocked.Increment(ref s_forged)}";
        forged.Write(folder, name);
        return new LinuxRun(folder, name + ".vmcore");
    }

    /// <summary>A file that may be damaged; null where it is refused.</summary>
    public static LinuxRun? TryOpen(string path)
    {
        try
        {
            return new LinuxRun(Path.GetDirectoryName(path)!, Path.GetFileName(path));
        }
        catch (DumpFormatException)
        {
            return null;
        }
    }

    public void Dispose() => Session.Dispose();

    /// <summary>What crash printed, line by line.</summary>
    public string[] Crash(string command) => File.ReadAllLines(Path.Combine(Folder, $"crash-{command}.txt"));

    /// <summary>What a command prints, line by line.</summary>
    public string[] Lines(string line, int width = Width)
    {
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer), width).Write(Run(line).Document);
        return writer.ToString().Split('\n');
    }

    /// <summary>What a command prints for programs.</summary>
    public string Json(string line) => Run(line).Json();

    /// <summary>What a command found.</summary>
    public CommandOutput Run(string line)
    {
        CommandArguments arguments = Session.Parse(line);
        return Session.Commands.Require(arguments).Run(Session, arguments);
    }
}
