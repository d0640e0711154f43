using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>DRIVER_POWER_STATE_FAILURE (0x9F): which driver has the power request that was not completed.</summary>
/// <remarks>
/// Part 1.5 of the triage facts. The driver of the request's current location has it, unless that is one of those which only
/// pass requests on: classpnp, for one, holds the request of its disk while a request of its own, which is in no list, is
/// with the driver below [DUMP, C]. A thread that is still inside a driver with the request is better evidence than either.
/// </remarks>
internal static class PowerFailure
{
    private const int MostFurther = 8;

    /// <summary>Drivers of classes and buses, which wait for those below them [DUMP, C].</summary>
    private static readonly HashSet<string> s_passThrough = new(StringComparer.OrdinalIgnoreCase)
    {
        "disk", "classpnp", "partmgr", "volmgr", "acpi", "pci", "usbhub", "usbhub3", "hidusb", "ks", "ndis", "wdf01000",
    };

    /// <summary>Adds what the code's own knowledge finds.</summary>
    public static void Examine(CrashCase crash)
    {
        crash.Name(1, "type of violation", Phrase.Of(TypeWords(crash.P(1))));
        switch (crash.P(1))
        {
            case 1:
                crash.Name(2, "device object", DeviceWords(crash, 2));
                AccuseDevice(crash, crash.P(2), "freed a device that still had a power request");
                break;
            case 2:
                crash.Name(2, "device that the request was for");
                crash.Name(3, "device object", DeviceWords(crash, 3));
                crash.Name(4, "driver object");
                AccuseDevice(crash, crash.P(3), "completed a system power request without PoStartNextPowerIrp");
                break;
            case 3:
                ExamineRequest(crash);
                break;
            case 4:
                ExamineLock(crash);
                break;
            case 5:
                crash.Name(2, "physical device object", DeviceWords(crash, 2));
                crash.Name(3, "POP_FX_DEVICE of the power framework");
                TellStack(crash, new DeviceStackReader(crash.System), crash.P(2), 0);
                AccuseTop(crash, crash.P(2), "did not complete a directed power transition in time");
                break;
            case 6:
                crash.Name(2, "POP_FX_DEVICE of the power framework");
                crash.Name(3, "transition", Phrase.Of(crash.P(3) == 1 ? "directed power down" : "directed power up"));
                break;
            case 0x500:
                crash.Name(3, "device that the request was for");
                crash.Name(4, "device object", DeviceWords(crash, 4));
                AccuseDevice(crash, crash.P(4), "completed a system power request without PoStartNextPowerIrp");
                break;
        }
    }

    private static string TypeWords(ulong type) => type switch
    {
        1 => "a device was freed that still had a power request",
        2 or 0x500 => "a driver completed a system power request without PoStartNextPowerIrp",
        3 => "a device has had a power request for too long",
        4 => "a power transition waited too long for Plug and Play",
        5 => "a device did not complete a directed power transition in time",
        6 => "a device's directed power transition callback failed",
        _ => "not documented",
    };

    private static void ExamineRequest(CrashCase crash)
    {
        PowerRequests power = new(crash.Session);
        DeviceStackReader devices = new(crash.System);
        bool hasBlock = power.IsBlock(crash.P(3));
        ulong irp = crash.P(4), pdo = crash.P(2);
        crash.Name(2, "physical device of the stack", DeviceWords(crash, 2));
        // Before 7 parameter 3 is the functional device [D].
        crash.Name(3, hasBlock ? "TRIAGE_9F_POWER" : "TRIAGE_9F_POWER (before Windows 7 the functional device)");
        crash.Name(4, "IRP that was not completed");
        power.Read(crash.P(3));
        PowerRequest? entry = power.Requests.Find(r => r.Irp == irp);
        RequestReader requests = new(crash.System);
        RequestFacts? request = requests.ReadRequest(irp);
        DeviceNode? node = devices.Node(pdo);
        if (node?.InstancePath is { } path)
            crash.Tell("Device", Phrase.Of(node.Service is null ? path : $"{path}, service {node.Service}"));
        string action = entry?.Action ?? "power request";
        string age = entry?.Age is { } time ? AgeText.Format(time) : "an unknown time";
        ulong current = request?.Place == RequestPlace.AtDriver ? request.Device : entry?.CurrentDevice ?? 0;
        crash.Tell("Request", Phrase.Of(
            $"IRP {new ObjectReference(ObjectKind.Request, irp)}, {action}, for {age}, {Where(request)}"));
        if (entry is null)
            crash.AddUnknown("for how long the request has been pending", "the power manager's list of requests is not in the dump");
        TellStack(crash, devices, pdo, current);
        TellFurther(crash, power, requests, irp);
        crash.Suggest("!irps");
        if (AccuseWorker(crash, power, irp, action, age))
            return;
        if (current == 0)
            crash.AddUnknown("which driver has the request", "its IRP is not in the dump, or is completed");
        else
            AccuseHolder(crash, devices, current, action, age, node);
    }

    /// <summary>A thread that is inside a driver with the request: its stack decides.</summary>
    private static bool AccuseWorker(CrashCase crash, PowerRequests power, ulong irp, string action, string age)
    {
        PowerWorker? worker = power.Workers.Find(w => w.Irp == irp);
        if (worker is null || crash.System.ReadThread(worker.Thread) is not { } thread)
            return false;
        StackFacts stack = crash.System.GetStack(thread);
        crash.Tell("Thread", Phrase.Of($"{ObjectReference.To(thread.Address)} still sends it"));
        crash.AddStack(new CrashStack("thread that sends the request", thread, stack));
        if (ForeignFrames.Find(stack.Frames) is not { Module: { } module } frame)
            return false;
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
            $"{ForeignFrames.Title(module)} does not come back from a power request ({action}) for {age}", Certainty.Proven,
            "the thread that sends the request is still inside it") { Module = module, Frame = frame });
        return true;
    }

    private static void AccuseHolder(
        CrashCase crash, DeviceStackReader devices, ulong current, string action, string age, DeviceNode? node)
    {
        ulong device = current;
        for (int i = 0; i < Targets.Limits.DevicesPerStack && IsPassThrough(devices, device); i++)
        {
            ulong below = devices.Below(device);
            if (below == 0)
                break;
            device = below;
        }
        string holder = devices.DriverName(device) ?? "a driver that is not in the dump";
        string what = node?.InstancePath ?? "the device";
        string through = device == current ? "" :
            $", below {devices.DriverName(current)}, which passes requests on and waits for it";
        if (devices.DriverModule(device) is { } module && ForeignFrames.IsForeign(module) && !IsPassThrough(devices, device))
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"{ForeignFrames.Title(module)} or its device does not complete a power request ({action}) for {age}{through}",
                Certainty.Inferred, device == current
                    ? "it is the driver at the request's current location"
                    : $"it is the first driver below {devices.DriverName(current)} that does not only pass requests on") { Module = module });
        else
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
                $"{what} does not complete a power request ({action}) for {age}; it is with {holder}{through}", Certainty.Inferred,
                "the request ends at a driver of Windows, which stands for the device behind it"));
    }

    private static bool IsPassThrough(DeviceStackReader devices, ulong device)
    {
        string? name = devices.DriverName(device);
        return name is not null && s_passThrough.Contains(name[(name.LastIndexOf('\\') + 1)..]);
    }

    private static void ExamineLock(CrashCase crash)
    {
        crash.Name(2, "time-out in seconds", Phrase.Of($"{crash.P(2):N0} s"));
        crash.Name(3, "thread that holds the Plug and Play lock");
        crash.Name(4, "TRIAGE_9F_PNP");
        if (crash.System.ReadThread(crash.P(3)) is not { } thread)
        {
            crash.AddUnknown("what the thread with the Plug and Play lock does", "it is not in the dump");
            return;
        }
        StackFacts stack = crash.System.GetStack(thread);
        crash.Tell("Lock", Phrase.Of($"Plug and Play's, held by thread {ObjectReference.To(thread.Address)} of {thread.Process}"));
        if (crash.System.DescribeWait(thread) is { } wait)
            crash.Tell("Holder", Phrase.Of($"waits for {wait}{Since(thread)}"));
        crash.AddStack(new CrashStack("thread that holds the Plug and Play lock", thread, stack));
        crash.Suggest($"!why {thread.Address.Value:x16}");
        // Only a candidate: what the thread waits for may be held by somebody else, which the chain of waits tells.
        if (ForeignFrames.Find(stack.Frames) is { Module: { } module } frame)
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"the thread that holds the Plug and Play lock is in {ForeignFrames.Title(module)}",
                crash.System.HoldsWholeSystem ? Certainty.Candidate : Certainty.Inferred,
                "it is the innermost driver on that thread's stack that is no part of Windows") { Module = module, Frame = frame });
    }

    private static string Since(ThreadFacts thread) => thread.Age is { } age ? $", for {AgeText.Format(age)}" : "";

    private static string Where(RequestFacts? request) => request switch
    {
        null => "not in the dump",
        { Place: RequestPlace.AtDriver } => $"currently at {request.DriverName ?? "a driver that is not in the dump"}",
        _ => request.PlaceText ?? "not in the dump",
    };

    private static void TellStack(CrashCase crash, DeviceStackReader devices, ulong pdo, ulong current)
    {
        IReadOnlyList<ulong> stack = devices.Read(pdo);
        if (stack.Count == 0)
        {
            crash.AddUnknown("the stack of devices", "the physical device is not in the dump");
            return;
        }
        foreach (ulong device in stack)
        {
            string file = devices.DriverModule(device) is { } module ? $" {ForeignFrames.Title(module)}" : "";
            string mark = device == current ? "  <- has the request" : device == pdo ? "  (physical device)" : "";
            crash.Tell("Stack", Phrase.Of(
                $"{new ObjectReference(ObjectKind.Device, device)} {devices.DriverName(device) ?? "?"}{file}{mark}"));
        }
    }

    /// <summary>The other requests with a watchdog; those that only wait to wake the machine are as they should be.</summary>
    private static void TellFurther(CrashCase crash, PowerRequests power, RequestReader requests, ulong irp)
    {
        int told = 0, further = 0, waiting = 0;
        foreach (PowerRequest other in power.Requests)
        {
            if (other.Irp == irp)
                continue;
            RequestFacts? request = requests.ReadRequest(other.Irp);
            if (other.Minor is null ? request?.Minor == 0 : other.IsWaitWake)
            {
                waiting++;
                continue;
            }
            if (told++ >= MostFurther)
            {
                further++;
                continue;
            }
            string age = other.Age is { } time ? $", for {AgeText.Format(time)}" : "";
            crash.Tell("Also", Phrase.Of(
                $"IRP {new ObjectReference(ObjectKind.Request, other.Irp)}, {other.Action ?? "power request"}{age}, {Where(request)}"));
        }
        if (further > 0)
            crash.Tell("Also", Phrase.Of($"{further:N0} more"));
        if (waiting > 0)
            crash.RuleOut("power", $"{waiting:N0} request{(waiting == 1 ? "" : "s")} that only wait{(waiting == 1 ? "s" : "")} to wake the machine");
    }

    private static void AccuseDevice(CrashCase crash, ulong device, string did)
    {
        DeviceStackReader devices = new(crash.System);
        TellStack(crash, devices, device, 0);
        if (devices.DriverModule(device) is { } module && ForeignFrames.IsForeign(module))
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, $"{ForeignFrames.Title(module)} {did}",
                Certainty.Inferred, "it is the driver of the device that the stop names") { Module = module });
        else
            crash.AddUnknown("whose driver did that", "the device is not in the dump, or its driver is one of Windows");
    }

    /// <summary>The highest driver of a stack that is not Microsoft's: it is the one that decides on power, but this proves nothing.</summary>
    private static void AccuseTop(CrashCase crash, ulong pdo, string did)
    {
        DeviceStackReader devices = new(crash.System);
        foreach (ulong device in devices.Read(pdo))
            if (devices.DriverModule(device) is { } module && ForeignFrames.IsForeign(module))
            {
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, $"{ForeignFrames.Title(module)} {did}",
                    Certainty.Candidate, "it is the highest driver of the stack that is no part of Windows") { Module = module });
                return;
            }
    }

    private static Phrase? DeviceWords(CrashCase crash, int number)
    {
        DeviceStackReader devices = new(crash.System);
        return devices.DriverName(crash.P(number)) is { } name
            ? Phrase.Of($"{new ObjectReference(ObjectKind.Device, crash.P(number))} of {name}")
            : null;
    }
}
