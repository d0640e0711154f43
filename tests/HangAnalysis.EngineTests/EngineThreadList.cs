using System.Globalization;
using System.Text.RegularExpressions;

namespace HangAnalysis.EngineTests;

/// <summary>The engine's own threads with their states, asked through its data model, by process and thread identifier.</summary>
/// <remarks>
/// The data model lists no process of an x86 system, as the real engine's; there the kernel's own list is followed with the data
/// model's tools. It shows a hundred items of a collection.
/// </remarks>
internal sealed partial class EngineThreadList
{
    private const string Identifiers = "thread identifiers", Addresses = "thread addresses", States = "thread states",
        Reasons = "thread wait reasons";

    private readonly Dictionary<string, string> _addresses, _states, _reasons;

    private EngineThreadList(Dictionary<string, string> answers)
    {
        Dictionary<string, string>? identifiers = answers.TryGetValue(Identifiers, out string? answer)
            ? Read(answer).ToDictionary(i => i.Key, i => IdentifierOf(long.Parse(i.Value, CultureInfo.InvariantCulture)))
            : null;
        _addresses = ById(Addresses);
        _states = ById(States);
        _reasons = ById(Reasons);

        Dictionary<string, string> ById(string key) =>
            Read(answers[key]).ToDictionary(v => identifiers?[v.Key] ?? v.Key, v => v.Value);
    }

    /// <summary>Identifiers as "pid.tid" of all that the engine shows.</summary>
    public IReadOnlyCollection<string> Names => _addresses.Keys;

    /// <summary>Asks for what <see cref="From"/> takes.</summary>
    public static void Ask(EngineScript script, bool isX86)
    {
        if (isX86)
        {
            // The data model's expressions know no symbol without a type.
            script.Add(Identifiers, "r $t0 = nt!PsActiveProcessHead",
                OfList("((__int64)t.Cid.UniqueProcess << 32) + (__int64)t.Cid.UniqueThread"));
            script.Add(Addresses, OfList("(__int64)&t"));
            script.Add(States, OfList("t.Tcb.State"));
            script.Add(Reasons, OfList("t.Tcb.WaitReason"));
            return;
        }
        script.Add(Addresses, OfModel("(__int64)&t.KernelObject"));
        script.Add(States, OfModel("t.KernelObject.Tcb.State"));
        script.Add(Reasons, OfModel("t.KernelObject.Tcb.WaitReason"));
    }

    /// <summary>What the engine answered.</summary>
    public static EngineThreadList From(Dictionary<string, string> answers) => new(answers);

    /// <summary>Where the thread is, as it is in a dump: addresses of 32 bits without their sign.</summary>
    public ulong AddressOf(string name, bool isX86)
    {
        long value = long.Parse(_addresses[name], CultureInfo.InvariantCulture);
        return isX86 ? (uint)value : (ulong)value;
    }

    /// <summary>Its state, as the number that it is.</summary>
    public long StateOf(string name) => Convert.ToInt64(_states[name], 16);

    /// <summary>Why it waits or waited last, as the number that it is.</summary>
    public long ReasonOf(string name) => Convert.ToInt64(_reasons[name], 16);

    private static string OfModel(string property) =>
        $"dx -r2 @$cursession.Processes.Select(p => p.Threads.Select(t => {property}))";

    private static string OfList(string property) =>
        "dx -r2 Debugger.Utility.Collections.FromListEntry(*(nt!_LIST_ENTRY*)@$t0, \"nt!_EPROCESS\", \"ActiveProcessLinks\")"
        + ".Select(p => Debugger.Utility.Collections.FromListEntry(p.ThreadListHead, \"nt!_ETHREAD\", \"ThreadListEntry\")"
        + $".Select(t => {property}))";

    private static string IdentifierOf(long both) => $"{both >> 32:x}.{(uint)both:x}";

    /// <summary>Values by the numbers of process and thread, of what <c>dx</c> prints of two levels.</summary>
    private static Dictionary<string, string> Read(string answer)
    {
        Dictionary<string, string> values = [];
        string process = "";
        foreach (Match match in Member().Matches(answer))
            if (match.Groups["indent"].Length == 4)
                process = match.Groups["id"].Value;
            else
                values.Add($"{process}.{match.Groups["id"].Value}", match.Groups["value"].Value);
        return values;
    }

    [GeneratedRegex(@"^(?<indent> +)\[0x(?<id>[0-9a-f]+)\] *(: (?<value>\S+).*)?$", RegexOptions.Multiline)]
    private static partial Regex Member();
}
