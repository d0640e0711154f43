using System.Globalization;
using HangAnalysis.Linux.Log;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Stops;

/// <summary>Reads what the log says of deaths of the kernel.</summary>
/// <remarks>
/// arch/x86/kernel/dumpstack.c, process_64.c (__show_regs) and mm/fault.c (show_fault_oops). Kernels before 4.11 write
/// addresses in brackets and the code behind the trace. Lines of other processors may stand between.
/// </remarks>
internal static class OopsReader
{
    /// <summary>Records before the line with the number that may belong to it.</summary>
    private const int MostBefore = 12;

    private static readonly string[] s_registers =
        ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15"];

    /// <summary>All deaths of a log, in its order.</summary>
    public static List<OopsReport> ReadAll(IReadOnlyList<LogRecord> records, IReadOnlyList<LogEvent> events)
    {
        List<OopsReport> reports = [];
        foreach (LogEvent found in events)
            if (found.Kind == LogEventKind.Oops && Read(records, found) is { } report)
                reports.Add(report);
        return reports;
    }

    private static OopsReport? Read(IReadOnlyList<LogRecord> records, LogEvent die)
    {
        ReadOnlySpan<char> line = die.Record.Text;
        int mark = line.IndexOf(" [#");
        if (mark < 4 || LineScan.Hex(line[(mark - 4)..]) is not { } code)
            return null;
        // Since 6.10 every such line begins with Oops: "Oops: general protection fault, probably for …: 0000 [#1]".
        string exception = line[..Math.Max(mark - 6, 0)].ToString();
        if (exception.StartsWith("Oops: ", StringComparison.Ordinal))
            exception = exception["Oops: ".Length..];
        OopsReport report = new(die.Record, die.Index, die.Index, exception, code, LineScan.Number(line[(mark + 3)..]) ?? 0);
        report = TakeHeadline(records, report);
        return TakeBody(records, report);
    }

    private static OopsReport TakeHeadline(IReadOnlyList<LogRecord> records, OopsReport report)
    {
        ulong? address = LineScan.TryAfter(report.Exception, "address ", out ReadOnlySpan<char> rest) ? LineScan.Hex(rest)
            : null;
        for (int i = report.First - 1; i >= 0 && i >= report.Last - MostBefore; i--)
        {
            LogRecord record = records[i];
            if (record.Caller != report.Die.Caller)
                continue;
            ReadOnlySpan<char> line = record.Text;
            if (line.StartsWith("---[ end") || line.Contains(" [#", StringComparison.Ordinal))
                break;
            if (LineScan.TryAfter(line, "kernel BUG at ", out rest))
                return report with { First = i, Headline = record.Text.Trim(), Place = rest.TrimEnd(" !").ToString() };
            if (!line.StartsWith("BUG: "))
                continue;
            if (LineScan.TryAfter(line, "address: ", out rest) || LineScan.TryAfter(line, " at ", out rest))
                address = LineScan.Hex(rest);
            return report with { First = i, Headline = record.Text.Trim(), Address = address };
        }
        return report with { Address = address };
    }

    private static OopsReport TakeBody(IReadOnlyList<LogRecord> records, OopsReport report)
    {
        CpuContext registers = default;
        bool hasRegisters = false, isUser = false, isTraced = false;
        int end = Math.Min(records.Count, report.Last + LogLimits.OopsRecords);
        for (int i = report.Last + 1; i < end; i++)
        {
            if (records[i].Caller != report.Die.Caller)
                continue;
            ReadOnlySpan<char> line = records[i].Text.AsSpan().Trim();
            if (line.Contains(" [#", StringComparison.Ordinal) || line.StartsWith("Kernel panic - "))
                break;
            report = report with { Last = i };
            if (line.StartsWith("---[ end trace"))
                break;
            isTraced |= line.StartsWith("Call Trace");
            if (LineScan.TryAfter(line, "RIP: ", out ReadOnlySpan<char> rest) && rest.Length > 5 && rest[4] == ':')
            {
                isUser = rest[3] == '3';
                if (!isUser && report.Instruction is null)
                    report = TakeInstruction(report, rest[5..].Trim(), ref registers);
            }
            else if (line.StartsWith("Code:") && !isUser && report.Code.Count == 0)
                report = TakeCode(report, line["Code:".Length..]);
            else if (!isTraced && !isUser)
                hasRegisters |= TakeRegisters(line, ref registers, ref report);
            if (report.Pid is null && line.Contains("PID: ", StringComparison.OrdinalIgnoreCase))
                report = TakeTask(report, line);
        }
        return report with { Registers = hasRegisters ? registers : null };
    }

    /// <summary>
    /// <c>CPU: 0 PID: 97 Comm: insmod Tainted: G</c>; before 3.10 <c>Pid: 97, comm: insmod Tainted: P</c>.
    /// </summary>
    private static OopsReport TakeTask(OopsReport report, ReadOnlySpan<char> line)
    {
        int pid = line.IndexOf("PID: ", StringComparison.OrdinalIgnoreCase),
            name = line.IndexOf("Comm: ", StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> task = name < 0 ? [] : line[(name + "Comm: ".Length)..];
        foreach (string end in (ReadOnlySpan<string>)[" Kdump: ", " Tainted: ", " Not tainted"])
            task = LineScan.Before(task, end);
        return report with
        {
            Processor = LineScan.TryAfter(line, "CPU: ", out ReadOnlySpan<char> cpu) ? LineScan.Number(cpu)
                : report.Processor,
            Pid = LineScan.Number(line[(pid + "PID: ".Length)..]),
            Task = task.Length == 0 ? null : task.Trim().ToString(),
        };
    }

    private static OopsReport TakeInstruction(OopsReport report, ReadOnlySpan<char> text, ref CpuContext registers)
    {
        if (text.StartsWith("[<"))
        {
            registers.InstructionPointer = LineScan.Hex(text[2..]) ?? 0;
            int bracket = text.LastIndexOf(">]");
            text = text[(bracket + 2)..].Trim();
        }
        else if (text.StartsWith("0x"))
            registers.InstructionPointer = LineScan.Hex(text) ?? 0;
        return report with { Instruction = text.ToString() };
    }

    /// <summary>Bytes in hexadecimal; the instruction's first is in angle brackets.</summary>
    private static OopsReport TakeCode(OopsReport report, ReadOnlySpan<char> text)
    {
        const int MostBytes = 256;
        List<byte> bytes = [];
        int index = -1;
        foreach (Range range in text.Split(' '))
        {
            ReadOnlySpan<char> word = text[range].Trim();
            if (word.Length == 0)
                continue;
            if (word[0] == '<')
                index = bytes.Count;
            word = word.Trim("<>");
            if (word.Length != 2 || bytes.Count == MostBytes
                || !byte.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
                return report;
            bytes.Add(value);
        }
        return index < 0 ? report : report with { Code = bytes, CodeIndex = index };
    }

    /// <summary><c>RAX: 000000000000004d RBX: …</c>, <c>RSP: 0018:ffff88007b23bf18 EFLAGS: 00010292</c>.</summary>
    private static bool TakeRegisters(ReadOnlySpan<char> line, ref CpuContext registers, ref OopsReport report)
    {
        bool any = false;
        for (int i = 0; i < s_registers.Length; i++)
        {
            if (!LineScan.TryAfter(line, s_registers[i] + ": ", out ReadOnlySpan<char> rest))
                continue;
            if (rest.Length > 5 && rest[4] == ':')
                rest = rest[5..];
            registers.Registers[i] = LineScan.Hex(rest) ?? 0;
            any = true;
        }
        if (LineScan.TryAfter(line, "EFLAGS: ", out ReadOnlySpan<char> flags))
            report = report with { Flags = LineScan.Hex(flags) ?? 0 };
        return any;
    }
}
