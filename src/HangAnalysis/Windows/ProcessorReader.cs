using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads what each processor does.</summary>
internal sealed class ProcessorReader(KernelSession session)
{
    /// <summary>Addresses of the current and the idle thread of each processor, by number; a processor that cannot be read is left out.</summary>
    public List<(int Number, ulong Current, ulong Idle, bool DpcActive)> Read()
    {
        List<(int, ulong, ulong, bool)> processors = [];
        StructLayout layout = session.Types.Get("_KPRCB");
        FieldSlot current = layout.Required("CurrentThread");
        FieldSlot idle = layout.Required("IdleThread");
        FieldSlot dpc = layout.Optional("DpcRoutineActive");
        if (!layout.Exists || !session.TryGetAddress("KiProcessorBlock", out ulong blocks))
            return processors;
        int count = Math.Min(session.Target.Description.ProcessorCount, Limits.Processors);
        int unreadable = 0;
        for (int i = 0; i < count; i++)
        {
            if (session.Memory.TryReadUInt64(blocks + (ulong)i * 8, out ulong prcb) && KernelSession.IsKernelObject(prcb)
                && session.Memory.TryReadUInt64(prcb + (ulong)current.Offset, out ulong currentThread)
                && session.Memory.TryReadUInt64(prcb + (ulong)idle.Offset, out ulong idleThread))
            {
                byte active = 0;
                if (dpc.IsPresent)
                    session.Memory.TryReadByte(prcb + (ulong)dpc.Offset, out active);
                processors.Add((i, currentThread, idleThread, active != 0));
            }
            else
                unreadable++;
        }
        if (unreadable > 0)
            session.AddUnknown($"what {unreadable} of {count} processors do", "their KPRCBs are not in the dump");
        return processors;
    }
}
