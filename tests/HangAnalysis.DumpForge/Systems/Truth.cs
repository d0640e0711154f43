using System.Text;
using System.Text.Json;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>A link of a chain of waits.</summary>
public sealed record TruthLink(string Kind, ulong Address, string Name, uint? Pid = null, uint? Tid = null)
{
    public static TruthLink Of(ThreadBuilder thread) =>
        new("thread", thread.Address, thread.Process.Name, thread.Process.Pid, thread.Tid);

    public static TruthLink Of(ProcessBuilder process) =>
        new("process", process.Address, process.Name, process.Pid);

    public static TruthLink Message(ulong address) => new("message", address, "");

    public static TruthLink Lock(ulong address, string name = "") => new("lock", address, name);

    public static TruthLink Request(ulong address) => new("request", address, "");

    public static TruthLink Driver(ForgedModule module) => new("driver", module.Base, module.FileName);
}

/// <summary>What is true of a crash by construction.</summary>
/// <param name="Cause">Kind of cause in the words of the contract: module, corruption, hardware, processor-feature, unknown.</param>
/// <param name="Module">File name of what is to blame, also where it is loaded no more; null for nobody.</param>
/// <param name="Instruction">The instruction that failed.</param>
/// <param name="Address">The address that it really accesses; null where it accesses none.</param>
public sealed record CrashTruth(string Cause, string? Module, ulong Instruction, ulong? Address);

/// <summary>What an analysis should find, true by construction.</summary>
public sealed record Truth(string Class, ForgedModule? Culprit, IReadOnlyList<TruthLink> Links)
{
    /// <summary>What is true of a crash beyond its culprit; null for hangs.</summary>
    public CrashTruth? Crash { get; init; }

    public static Truth NoHang { get; } = new("no-hang", null, []);

    /// <summary>The truth in the form of the analysis's own JSON.</summary>
    public byte[] ToJson() =>
        ToJson(Class, Culprit?.FileName, Culprit?.Version?.CompanyName, Culprit?.Version?.FileVersion, Links);

    /// <summary>The same of any system.</summary>
    internal static byte[] ToJson(
        string verdict, string? culprit, string? company, string? version, IReadOnlyList<TruthLink> links)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("schema", "hanganalysis/1");
            json.WriteStartObject("verdict");
            json.WriteString("class", verdict);
            if (culprit is not null)
            {
                json.WriteStartObject("culprit");
                json.WriteString("module", culprit);
                json.WriteString("company", company);
                json.WriteString("version", version);
                json.WriteEndObject();
            }
            else
                json.WriteNull("culprit");
            json.WriteEndObject();
            json.WriteStartArray("chains");
            if (links.Count > 0)
                WriteChain(json, links);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return [.. stream.ToArray(), .. Encoding.UTF8.GetBytes("\n")];
    }

    private static void WriteChain(Utf8JsonWriter json, IReadOnlyList<TruthLink> links)
    {
        json.WriteStartObject();
        json.WriteStartArray("links");
        foreach (TruthLink link in links)
        {
            json.WriteStartObject();
            json.WriteString("kind", link.Kind);
            json.WriteString("address", $"0x{link.Address:x16}");
            json.WriteString("name", link.Name);
            if (link.Pid is { } pid)
                json.WriteNumber("pid", pid);
            if (link.Tid is { } tid)
                json.WriteNumber("tid", tid);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
