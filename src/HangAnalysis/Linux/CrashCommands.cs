using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>The commands of <c>crash</c> that show the evidence, for those who have debuginfo and want to see for themselves.</summary>
internal static class CrashCommands
{
    /// <summary>Shows a structure.</summary>
    public static string Structure(string type, ulong address) => $"struct {type} {address:x16}";

    /// <summary>Shows fields of a structure.</summary>
    public static string Field(string type, string fields, ulong address) => $"struct {type}.{fields} {address:x16}";

    /// <summary>Shows the stack of a task.</summary>
    public static string Stack(ulong task) => $"bt {task:x16}";

    /// <summary>Shows an object of the wait graph; null where it has no structure of its own.</summary>
    public static string? Object(ObjectFacts facts) => facts.Title switch
    {
        "mutex" or "rw_semaphore" or "semaphore" or "completion" or "percpu_rw_semaphore" => Structure(facts.Title, facts.Reference.Address),
        "rt_mutex" => Structure("rt_mutex_base", facts.Reference.Address),
        "disk" => Structure("gendisk", facts.Reference.Address),
        "journal" => Structure("journal_s", facts.Reference.Address),
        "FUSE request" => Structure("fuse_req", facts.Reference.Address),
        "buffer" => Structure("buffer_head", facts.Reference.Address),
        "page" => Structure("page", facts.Reference.Address),
        "spin lock" => Structure("qspinlock", facts.Reference.Address),
        _ => null,
    };

    /// <summary>Shows the stack of a processor's task.</summary>
    public static string Processor(int number) => $"bt -c {number}";
}
