using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>A forged dump with its symbols and its truth in a folder of its own, gone with the test.</summary>
internal sealed class ForgedFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hangwhy-forged-");

    public ForgedFolder(string scenario, KernelLayout layout, DumpKind? kind = null)
        : this(ScenarioSet.Build(scenario, layout), kind)
    {
    }

    /// <summary>Writes a system that a test has changed.</summary>
    public ForgedFolder(SystemBuilder system, DumpKind? kind = null) =>
        ForgedDump.Write(system, Folder, kind ?? system.PreferredKind);

    public ForgedFolder(string scenario, string layout = "10.0.14393", DumpKind? kind = null)
        : this(scenario, KernelLayout.BuiltIn(layout), kind)
    {
    }

    public string Folder => _folder.FullName;

    public string DumpPath => Path.Combine(Folder, "memory.dmp");

    /// <summary>What is true by construction, as the forge wrote it.</summary>
    public JsonElement Truth => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "truth.json"))).RootElement;

    public CommandSession Open() => new(KernelDumpTarget.Open(DumpPath));

    /// <summary>What a command prints as text.</summary>
    public static string Run(CommandSession session, string line)
    {
        CommandArguments arguments = session.Parse(line);
        return Print(session.Run(session.Commands.Require(arguments), arguments).Document);
    }

    /// <summary>A document as text.</summary>
    public static string Print(Document document)
    {
        using StringWriter writer = new();
        new TextLayout(new PlainTextSink(writer)).Write(document);
        return writer.ToString();
    }

    /// <summary>What a command prints as JSON.</summary>
    public static JsonElement RunJson(CommandSession session, string line)
    {
        CommandArguments arguments = session.Parse(line);
        return JsonDocument.Parse(session.Commands.Require(arguments).Run(session, arguments).Json()).RootElement;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
